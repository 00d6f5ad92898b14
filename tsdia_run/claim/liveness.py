"""Whether a process of a run is running, for readers: they change nothing and disturb no start.

A supervisor holds ``claim`` exclusively, and every rank holds ``alive`` shared (guard.py). A reader can only test a
lock by taking it, and then holds it for a few microseconds. So it takes ``claim`` shared: this does not affect other
readers, and a start waits for it. It tries ``alive`` only while it holds ``claim``, when no start can use ``alive``.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path

from tsdia_run.claim import live_check, owner
from tsdia_run.claim.owner import Life
from tsdia_run.errors import DamagedRunError
from tsdia_run.files.opening import open_fd
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.original import original_of
from tsdia_run.rundir.record import LIVE

# A supervisor touches the heartbeat every five seconds; clocks of two hosts differ.
_FRESH = timedelta(seconds=60)
# Two readers may try ``alive`` at the same time.
_TRIES = 5
_BETWEEN_TRIES_S = 0.002


class RunningProcesses(Enum):
    """Which processes of a run are running."""

    NOTHING = "nothing"
    SUPERVISED = "supervised"
    RANKS_ONLY = "ranks only"


def living(layout: RunLayout) -> RunningProcesses:
    """Return which processes of a run are running, as far as this machine can know.

    Without locks that reach other hosts, a fresh heartbeat counts; on a file system without locks, the process that
    wrote the heartbeat counts. Ranks without a lock are found by their tag.
    """
    with _tried(layout.claim, fcntl.LOCK_SH) as claim:
        if claim is False:
            return RunningProcesses.SUPERVISED
        if claim is True and _ranks_live(layout):
            return RunningProcesses.RANKS_ONLY
    if _has_heartbeat(layout, is_lock_known=claim is True):
        return RunningProcesses.SUPERVISED
    return RunningProcesses.RANKS_ONLY if live_check.tagged(layout) else RunningProcesses.NOTHING


def _ranks_live(layout: RunLayout) -> bool:
    for _ in range(_TRIES):
        with _tried(layout.alive, fcntl.LOCK_EX) as alive:
            if alive is not False:
                return False
        time.sleep(_BETWEEN_TRIES_S)
    return True


@contextmanager
def _tried(path: Path, kind: int) -> Iterator[bool | None]:
    """Hold a lock in the block and yield whether that worked; None if the file does not exist or locks don't work."""
    try:
        fd = open_fd(path)
    except OSError:
        yield None
        return
    try:
        yield _locked(fd, kind)
    finally:
        os.close(fd)


def _locked(fd: int, kind: int) -> bool | None:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # NFS requires a descriptor opened for writing; other file systems have no locks
        return None
    return True


def _has_heartbeat(layout: RunLayout, *, is_lock_known: bool) -> bool:
    found, seen = owner.last(layout), layout.last_seen()
    if found is None or seen is None:
        return False
    here = owner.life(found)
    if here is Life.UNKNOWN:
        is_alive = datetime.now(timezone.utc) - seen <= _FRESH and not _has_ended(layout)
    else:
        is_alive = here is Life.ALIVE and not is_lock_known
    # A copy has the heartbeat of its original.
    return is_alive and original_of(layout) is None


def _has_ended(layout: RunLayout) -> bool:
    """Return whether the record has an ending; the last heartbeat may still be fresh then."""
    try:
        return record_file.read(layout.record).state not in LIVE
    except DamagedRunError:
        return False
