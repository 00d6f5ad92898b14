"""The processes of a storm, found by a mark in their environment, and what each one is."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

MARK = "TSDIA_STORM"
_LOWEST_NICE = 19
# Processes that existed before the storm are not its own, so that a look at all processes is cheap.
_OLDER = frozenset(os.listdir("/proc"))


def processes(mark: str) -> dict[int, str]:
    """Return the kind of each process that is still running; a fork before its exec is ``other``."""
    wanted, commands = f"{MARK}={mark}".encode(), dict[int, bytes]()
    for name in os.listdir("/proc"):
        if name.isdigit() and name not in _OLDER:
            with suppress(OSError):
                if wanted in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                    commands[int(name)] = Path("/proc", name, "cmdline").read_bytes()
    found = {}
    for pid, command in commands.items():
        with suppress(OSError):
            found[pid] = _kind(pid, command, commands.get(_parent(pid)))
    return found


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


def _kind(pid: int, command: bytes, parent: bytes | None) -> str:
    if b"\0tsdia_run relay\0" in command:
        return "compressor" if os.getpriority(os.PRIO_PROCESS, pid) == _LOWEST_NICE else "relay"
    if command == parent:
        return "other"
    for name in ("launcher", "bootstrap", "hasher"):  # a launcher also names the bootstrap
        if name.encode() + b".py" in command or b"supervise." + name.encode() in command:
            return {"bootstrap": "rank"}.get(name, name)
    if b"tsdia-run\0stop\0" in command:
        return "stop"
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
