"""Who holds a run directory, and whether that process still lives: a reused pid or a zombie is not a holder."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path

from tsdia_run.files.fields import Fields, parse_json, read_bounded
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.text import visible

_MAX_BYTES = 64 * 1024
# Fields 3 and 22 of /proc/PID/stat, counted from behind the name, which may hold spaces: proc_pid_stat(5).
_STATE, _START_TICKS = 0, 19


class Life(Enum):
    """What can be known of a holder from here."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "on another machine, or not told"


@dataclass(frozen=True)
class Holder:
    """Who holds a claim.

    Attributes:
        host: Name of the machine.
        pid: Process id of the supervisor on it.
        since: When it took the claim, ISO 8601.
        boot_id: Which boot of the machine; None in files of the first version.
        start_ticks: When the process started, in clock ticks since that boot; None likewise.
    """

    host: str
    pid: int
    since: str
    boot_id: str | None = None
    start_ticks: int | None = None

    def __str__(self) -> str:
        return visible(f"pid {self.pid} on {self.host} since {self.since}")

    def as_bytes(self) -> bytes:
        """The content of a file that ``read`` reads back."""
        return (json.dumps(asdict(self)) + "\n").encode()


def ourselves() -> Holder:
    """This process."""
    return Holder(
        host=socket.gethostname(),
        pid=os.getpid(),
        since=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        boot_id=boot_id(),
        start_ticks=start_ticks(os.getpid()),
    )


def read(path: Path, dir_fd: int | None = None) -> Holder | None:
    """The holder that a file names; None where it names none.

    Args:
        path: The file.
        dir_fd: The open folder that a relative path is relative to.

    Raises:
        OSError: It can't be read.
    """
    try:
        fields = Fields(parse_json(read_bounded(path, _MAX_BYTES, dir_fd)), "the holder")
        return Holder(
            host=fields.required("host", str),
            pid=fields.required("pid", int),
            since=fields.shown("since") or "an unknown time",
            boot_id=fields.optional("boot_id", str),
            start_ticks=fields.optional("start_ticks", int),
        )
    except ValueError:
        return None


def last(layout: RunLayout) -> Holder | None:
    """Who wrote the heartbeat of a run; None where that can't be read."""
    try:
        return read(layout.heartbeat)
    except OSError:
        return None


def life(holder: Holder) -> Life:
    """Whether a holder lives, as far as this machine can tell."""
    return judge(holder, host=socket.gethostname(), boot=boot_id(), ticks=start_ticks(holder.pid))


def judge(holder: Holder, *, host: str, boot: str | None, ticks: int | None) -> Life:
    """Whether a holder lives (pure).

    Args:
        holder: The holder.
        host: Name of this machine.
        boot: Its present boot.
        ticks: When the process started that has the holder's pid here; None where there is none, or a zombie.
    """
    if holder.host != host:
        return Life.UNKNOWN
    is_same = ticks is not None and (holder.boot_id, holder.start_ticks) == (boot, ticks)
    return Life.ALIVE if is_same else Life.DEAD


def boot_id() -> str | None:
    """The id of this machine's present boot; None where the kernel does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def start_ticks(pid: int) -> int | None:
    """When a living process started, in clock ticks since the boot; None where there is none, or a zombie."""
    try:
        # Of a negative pid, say, from a file that somebody edited.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[_STATE] in (b"Z", b"X") else int(fields[_START_TICKS])
