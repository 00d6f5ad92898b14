"""Find the accelerators and cores of the machine without importing torch."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping

# Device nodes of accelerators that Accelerate supports: NVIDIA, AMD, Ascend, Neuron, Gaudi, Google.
_DEVICE_NODES = ("dev/nvidia[0-9]*", "dev/kfd", "dev/davinci[0-9]*", "dev/neuron[0-9]*", "dev/accel/accel[0-9]*")
_INTEL_VENDOR = "0x8086"


def accelerator_devices(environ: Mapping[str, str], root: str = "/") -> int:
    """Return the possible number of devices; 0 only if the machine certainly has none.

    A device node does not show whether the installed torch can use it. With more than zero, Accelerate has to check.

    Args:
        environ: The environment of the training.
        root: The folder that contains ``dev`` and ``sys``.
    """
    if environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1"):
        return 0
    found = sum(len(glob.glob(f"{root}/{pattern}")) for pattern in _DEVICE_NODES)
    vendors = glob.glob(f"{root}/sys/class/drm/renderD*/device/vendor")
    return found or sum(_first_line(path) == _INTEL_VENDOR for path in vendors)


def physical_cores(root: str = "/") -> int:
    """Return the number of cores without hardware threads, as psutil does (kernel: sysfs-devices-system-cpu).

    Args:
        root: The folder that contains ``sys``.
    """
    lists = glob.glob(f"{root}/sys/devices/system/cpu/cpu[0-9]*/topology/core_cpus_list")
    cores = {line for path in lists if (line := _first_line(path))}
    return len(cores) or os.cpu_count() or 1


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.readline().strip()
    except OSError:
        return ""
