"""The owner of a run directory, and whether its process is running; a reused pid or a zombie is not the owner."""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path

from tsdia_run.claim.processes import facts
from tsdia_run.files.fields import Fields, parse_json, read_bounded
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.text import visible

_MAX_BYTES = 64 * 1024


class Life(Enum):
    """Whether the process of an owner is running, as seen from this machine."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Owner:
    """The owner of a claim.

    Attributes:
        host: Name of the machine.
        pid: Process id of the supervisor on it.
        since: When it got the claim, ISO 8601.
        boot_id: The id of the machine's boot; None in files of the first version.
        start_ticks: When the process started, in clock ticks since that boot; None in files of the first version.
    """

    host: str
    pid: int
    since: str
    boot_id: str | None = None
    start_ticks: int | None = None

    def __str__(self) -> str:
        return visible(f"pid {self.pid} on {self.host} since {self.since}")

    def as_bytes(self) -> bytes:
        """Return the content of the file that ``read`` parses."""
        return (json.dumps(asdict(self)) + "\n").encode()


def this_process() -> Owner:
    """Return this process as an owner."""
    return Owner(
        host=socket.gethostname(),
        pid=os.getpid(),
        since=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        boot_id=boot_id(),
        start_ticks=start_ticks(os.getpid()),
    )


def read(path: Path, dir_fd: int | None = None) -> Owner | None:
    """Return the owner that a file names; None if it names no owner.

    Args:
        path: The file.
        dir_fd: An open folder, the base of a relative path.

    Raises:
        OSError: The file can't be read.
    """
    try:
        fields = Fields(parse_json(read_bounded(path, _MAX_BYTES, dir_fd)), "the owner")
        return Owner(
            host=fields.required("host", str),
            pid=fields.required("pid", int),
            since=fields.shown("since") or "an unknown time",
            boot_id=fields.optional("boot_id", str),
            start_ticks=fields.optional("start_ticks", int),
        )
    except ValueError:
        return None


def last(layout: RunLayout) -> Owner | None:
    """Return the process that wrote the heartbeat of a run; None if it can't be read."""
    try:
        return read(layout.heartbeat)
    except OSError:
        return None


def life(owner: Owner) -> Life:
    """Return whether the process of an owner is running, as far as this machine can know."""
    return judge(owner, host=socket.gethostname(), boot=boot_id(), ticks=start_ticks(owner.pid))


def is_stopped(owner: Owner) -> bool:
    """Return whether a signal has stopped the process of an owner on this machine (SIGSTOP, Ctrl-Z)."""
    found = facts(owner.pid) if life(owner) is Life.ALIVE else None
    return found is not None and found.is_stopped


def wake(owner: Owner) -> bool:
    """Continue the process of an owner if it is stopped; return whether it was."""
    if not is_stopped(owner):
        return False
    with suppress(ProcessLookupError, PermissionError):
        os.kill(owner.pid, signal.SIGCONT)
        return True
    return False


def judge(owner: Owner, *, host: str, boot: str | None, ticks: int | None) -> Life:
    """Return whether the process of an owner is running (pure).

    Args:
        owner: The owner.
        host: Name of this machine.
        boot: The id of its current boot.
        ticks: When the process with the owner's pid on this machine started; None if no such process, or a zombie.
    """
    if owner.host != host:
        return Life.UNKNOWN
    is_same = ticks is not None and (owner.boot_id, owner.start_ticks) == (boot, ticks)
    return Life.ALIVE if is_same else Life.DEAD


def boot_id() -> str | None:
    """Return the id of this machine's current boot; None if the kernel does not provide it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def start_ticks(pid: int) -> int | None:
    """Return when a live process started, in clock ticks since the boot; None if no such process, or a zombie."""
    found = facts(pid)
    return None if found is None or found.has_ended else found.start_ticks
