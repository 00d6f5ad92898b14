"""What the machine has, found without importing torch."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping

# Device nodes of what Accelerate may train on: NVIDIA, AMD, Ascend, Neuron, Gaudi, Google.
_DEVICE_NODES = ("/dev/nvidia[0-9]*", "/dev/kfd", "/dev/davinci[0-9]*", "/dev/neuron[0-9]*", "/dev/accel/accel[0-9]*")
_INTEL_VENDOR = "0x8086"


def accelerator_devices(environ: Mapping[str, str]) -> int:
    """How many devices there may be; 0 only where there is certainly none.

    A node does not say whether the installed torch can use it. More than zero means: let Accelerate look.
    """
    if environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1"):
        return 0
    found = sum(len(glob.glob(pattern)) for pattern in _DEVICE_NODES)
    return found or sum(
        _first_line(path) == _INTEL_VENDOR for path in glob.glob("/sys/class/drm/renderD*/device/vendor")
    )


def physical_cores() -> int:
    """Cores without their hardware threads, as psutil counts them on Linux (kernel: sysfs-devices-system-cpu)."""
    cores = {_first_line(path) for path in glob.glob("/sys/devices/system/cpu/cpu[0-9]*/topology/core_cpus_list")}
    return len(cores) or os.cpu_count() or 1


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.readline().strip()
    except OSError:
        return ""
