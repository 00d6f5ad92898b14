"""The processes of a storm, found by a mark in their environment, and what each one is."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

MARK = "TSDIA_STORM"
_LOWEST_NICE = 19


def processes(mark: str) -> dict[int, str]:
    """Return the kind of each process that is still running."""
    wanted, found = f"{MARK}={mark}".encode(), {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                pid = int(folder.name)
                found[pid] = _kind(pid, (folder / "cmdline").read_bytes())
    return found


def _kind(pid: int, command: bytes) -> str:
    if b"\0tsdia_run relay\0" in command:
        return "compressor" if os.getpriority(os.PRIO_PROCESS, pid) == _LOWEST_NICE else "relay"
    for name in ("launcher", "bootstrap", "hasher"):  # a launcher also names the bootstrap
        if name.encode() + b".py" in command or b"supervise." + name.encode() in command:
            return {"bootstrap": "rank"}.get(name, name)
    return "supervisor" if b"tsdia-run\0" in command else "other"


def kill(pid: int) -> bool:
    """Send SIGKILL; return whether the process existed."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def wait_for_end(mark: str, limit_s: float) -> list[str]:
    """Wait until only compressors are running; return the kinds of the processes that don't end, and kill them."""
    deadline_s = time.monotonic() + limit_s
    while left := {pid: kind for pid, kind in processes(mark).items() if kind != "compressor"}:
        if time.monotonic() > deadline_s:
            for pid in left:
                kill(pid)
            return sorted(left.values())
        time.sleep(0.02)
    return []
