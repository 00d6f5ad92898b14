"""What tsdia-run reads about the machine in /proc, /sys and /dev: OOM kills, memory limits, accelerators, cores."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tsdia_run.launch.hardware import accelerator_devices, physical_cores
from tsdia_run.supervise.memory import Watch

V2 = {
    "proc/self/cgroup": "0::/job/step",
    "sys/fs/cgroup/job/step/memory.events": "low 0\noom 1\noom_kill 0",
    "sys/fs/cgroup/job/step/memory.max": "max",
    "sys/fs/cgroup/job/memory.events": "oom_kill 0",
    "sys/fs/cgroup/job/memory.max": str(2**30),
}
V1 = {
    "proc/self/cgroup": "4:memory:/job\n1:cpu:/job\n0::/",
    "sys/fs/cgroup/memory/job/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0",
    "sys/fs/cgroup/memory/job/memory.limit_in_bytes": str(2**29),
}
# In a container, /proc names the path on the host.
CONTAINER = {
    "proc/self/cgroup": "0::/of/the/host",
    "sys/fs/cgroup/memory.events": "oom_kill 0",
    "sys/fs/cgroup/memory.max": str(2**28),
}
NO_GROUP = {"proc/self/cgroup": "0::/", "proc/vmstat": "pgfault 7\noom_kill 0", "proc/meminfo": "MemTotal: 1048576 kB"}
NO_LIST = {"proc/vmstat": "oom_kill 0", "sys/fs/cgroup/memory.max": "1"}


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("files", "counter", "limit"),
    [
        (V2, "sys/fs/cgroup/job/step/memory.events", " of 1.0 GiB"),
        (V1, "sys/fs/cgroup/memory/job/memory.oom_control", " of 512.0 MiB"),
        (CONTAINER, "sys/fs/cgroup/memory.events", " of 256.0 MiB"),
        (NO_GROUP, "proc/vmstat", " of 1.0 GiB"),
        (NO_LIST, "proc/vmstat", ""),
    ],
)
def test_a_kill_for_memory_is_reported_with_the_lowest_limit(
    tmp_path: Path, files: Mapping[str, str], counter: str, limit: str
) -> None:
    write(tmp_path, files)
    watch = Watch(tmp_path)
    watch.look()
    assert watch.verdict(None) is None
    write(tmp_path, {counter: files[counter].replace("oom_kill 0", "oom_kill 1")})
    watch.look()
    verdict = watch.verdict(None)
    assert verdict
    assert verdict.is_at_end
    assert verdict.text.startswith("out of memory: the kernel's OOM killer was active; the largest process used ")
    assert verdict.text.endswith(f"B{limit}")


@pytest.mark.parametrize("text", ["", "oom_kill", "oom_kill many", "oom 5"])
def test_a_counter_that_cannot_be_read_means_no_kill(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"proc/self/cgroup": "0::/", "proc/vmstat": "oom_kill 0"})
    watch = Watch(tmp_path)
    write(tmp_path, {"proc/vmstat": text})
    watch.look()
    assert watch.verdict(None) is None


@pytest.mark.parametrize(
    ("files", "devices"),
    [
        ({}, 0),
        ({"dev/nvidia0": "", "dev/nvidia1": "", "dev/nvidiactl": ""}, 2),
        ({"dev/kfd": ""}, 1),
        ({"dev/accel/accel0": ""}, 1),
        ({"sys/class/drm/renderD128/device/vendor": "0x8086"}, 1),
        ({"sys/class/drm/renderD128/device/vendor": "0x1af4"}, 0),
    ],
)
def test_accelerators_are_found_by_their_device_nodes(tmp_path: Path, files: Mapping[str, str], devices: int) -> None:
    write(tmp_path, files)
    assert accelerator_devices({}, str(tmp_path)) == devices
    assert accelerator_devices({"CUDA_VISIBLE_DEVICES": "0"}, str(tmp_path)) == devices
    assert accelerator_devices({"CUDA_VISIBLE_DEVICES": ""}, str(tmp_path)) == 0
    assert accelerator_devices({"CUDA_VISIBLE_DEVICES": "-1"}, str(tmp_path)) == 0


def test_hardware_threads_of_a_core_count_once(tmp_path: Path) -> None:
    lists = {"cpu0": "0,2", "cpu1": "1,3", "cpu2": "0,2", "cpu3": "1,3"}
    write(tmp_path, {f"sys/devices/system/cpu/{cpu}/topology/core_cpus_list": text for cpu, text in lists.items()})
    gone = tmp_path / "sys/devices/system/cpu/cpu4/topology/core_cpus_list"
    gone.parent.mkdir(parents=True)
    gone.symlink_to("not-there")  # a core that was switched off between the listing and the read
    assert physical_cores(str(tmp_path)) == 2


def test_without_a_list_of_cores_every_cpu_counts(tmp_path: Path) -> None:
    assert physical_cores(str(tmp_path)) == os.cpu_count()
