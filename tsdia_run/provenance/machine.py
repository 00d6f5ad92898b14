"""Describe the machine and the limits of this process, from /proc, /sys and nvidia-smi."""

from __future__ import annotations

import glob
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.rundir.environment_state import Gpu

_GPU_LIMIT_S = 10.0
_GPU_FIELDS = ("name", "memory.total", "driver_version", "uuid")
# A v1 limit of nearly 2**63 bytes means none.
_NO_LIMIT_BYTES = 2**60


@dataclass(frozen=True)
class Limits:
    """The limits that control groups set for a process.

    Attributes:
        cpus: CPU time, in CPUs; None if unlimited.
        memory_bytes: Memory; None if unlimited.
    """

    cpus: float | None
    memory_bytes: int | None


def cpu_model() -> str | None:
    """Return the name of the CPU as the kernel reports it; None if the kernel reports none (ARM)."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), None)
    except OSError:
        return None


def memory_bytes() -> int | None:
    """Return the size of the machine's memory."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def limits(groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> Limits:
    """Return the lowest limits of this process's control groups and their parents, version 2 or 1 (cgroups(7)).

    Args:
        groups: The file that lists the groups of this process.
        root: The mount point of the groups' file systems.
    """
    cpus: list[float] = []
    memory: list[int] = []
    for line in _read(groups).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        base = root / controllers if controllers else root
        # In a container, the path of the group may be the host's path, and the container's own groups are at the root.
        for folder in dict.fromkeys([*_upwards(base, group), base]):
            cpus += _quota(_read(folder / "cpu.max").split())
            cpus += _quota([_read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip()])
            for name in ("memory.max", "memory.limit_in_bytes"):
                text = _read(folder / name).strip()
                memory += [int(text)] if text.isdecimal() and int(text) < _NO_LIMIT_BYTES else []
    return Limits(min(cpus, default=None), min(memory, default=None))


def _upwards(base: Path, group: str) -> list[Path]:
    folder = Path(os.path.normpath(f"{base}/{group}"))
    return [one for one in (folder, *folder.parents) if base in (one, *one.parents)]


def _quota(words: list[str]) -> list[float]:
    """Convert quota and period, in microseconds, to CPUs."""
    if len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1]):
        return [int(words[0]) / int(words[1])]
    return []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def gpus() -> tuple[tuple[Gpu, ...], str | None]:
    """Return the NVIDIA GPUs, and an error if the GPUs exist but can't be queried."""
    if not glob.glob("/dev/nvidia[0-9]*"):
        return (), None
    try:
        answer = subprocess.run(
            ["nvidia-smi", f"--query-gpu={','.join(_GPU_FIELDS)}", "--format=csv,noheader"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_GPU_LIMIT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return (), f"can't query the GPUs: {error}"
    rows = [line.split(", ") for line in answer.stdout.splitlines()]
    return tuple(Gpu(*row) for row in rows if len(row) == len(_GPU_FIELDS)), None
