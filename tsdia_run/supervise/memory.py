"""Detect kills by the kernel's OOM killer, and report the memory limit.

The counters are those of the cgroup (v2: https://docs.kernel.org/admin-guide/cgroup-v2.html, v1: cgroup-v1/memory.html
there), otherwise those of the machine.
"""

from __future__ import annotations

import os
import resource
from collections import deque
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tsdia_run.outcome.classify import MemoryKill
from tsdia_run.text import size

_KIB = 1024
_MOST_KILLS = 100
# A script may need this time to find out that a child process was killed.
_RECENT = timedelta(minutes=1)
_SLACK = timedelta(seconds=0.2)


class Watch:
    """Counts OOM kills from its creation on, and records when they happened.

    Args:
        root: The folder that contains ``proc`` and ``sys``.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._groups = _groups(root)
        self._count = self._kills()
        self._looked_at = datetime.now(timezone.utc)
        # Between which two times a process was killed; the oldest ones do not matter.
        self._kills_between: deque[tuple[datetime, datetime]] = deque(maxlen=_MOST_KILLS)

    def look(self) -> None:
        """Look at the counter; call it twice per second, and when the training has ended."""
        count, now = self._kills(), datetime.now(timezone.utc)
        if count > self._count:
            self._kills_between.append((self._looked_at, now))
        self._count, self._looked_at = count, now

    def verdict(self, ended_at: datetime | None) -> MemoryKill | None:
        """Return a description of the OOM kills; None if the kernel killed no process for memory in the last minute.

        Args:
            ended_at: When the process ended that the verdict is about; None for the time of the last look.
        """
        end = ended_at or self._looked_at
        recent = [(first, last) for first, last in self._kills_between if last >= end - _RECENT]
        if not recent:
            return None
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _KIB
        limit = self._limit_bytes()
        room = f" of {size(limit)}" if limit else ""
        text = f"out of memory: the kernel's OOM killer was active; the largest process used {size(peak)}{room}"
        return MemoryKill(text, any(first - _SLACK <= end <= last + _SLACK for first, last in recent))

    def _kills(self) -> int:
        for group in self._groups[:1]:
            for name in ("memory.events", "memory.oom_control"):
                found = _counter(group / name, "oom_kill")
                if found is not None:
                    return found
        return _counter(self._root / "proc/vmstat", "oom_kill") or 0

    def _limit_bytes(self) -> int | None:
        machine = _counter(self._root / "proc/meminfo", "MemTotal:")
        found = [machine * _KIB] if machine else []
        for group in self._groups:
            for name in ("memory.max", "memory.limit_in_bytes"):
                with suppress(OSError, ValueError):
                    found.append(int((group / name).read_text()))
        return min(found, default=None)


def _groups(root: Path) -> list[Path]:
    """Return the folder of this process's cgroup, then its parents."""
    mount = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        bases = {"": (mount, mount / "unified"), "memory": (mount / "memory",)}.get(controllers, ())
        for base in bases:
            # In a container this may be the path on the host, which is not visible inside.
            group = Path(f"{base}{path}")
            folders = [one for one in (group, *group.parents) if one == base or base in one.parents]
            found = [one for one in folders if _has_memory(one)]
            if found:
                return found
    return []


def _has_memory(folder: Path) -> bool:
    return any(os.access(folder / name, os.R_OK) for name in ("memory.events", "memory.oom_control"))


def _counter(path: Path, name: str) -> int | None:
    try:
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] == [name]:
                return int(words[1])
    except (OSError, ValueError, IndexError):
        return None
    return None
