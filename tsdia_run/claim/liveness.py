"""Whether something of a run lives, asked by those who only look: nothing is changed, and no start is disturbed.

A supervisor holds ``claim`` exclusively, every rank holds ``alive`` shared (guard.py). To see whether a lock is held,
one has to try for it, and whoever does so holds it for some microseconds. So ``claim`` is tried shared, which other
readers don't notice and a start waits out; ``alive`` is tried only while ``claim`` is ours, when no start can be at it.
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
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import LIVE

# A supervisor touches the heartbeat every five seconds; clocks of two hosts differ.
_FRESH = timedelta(seconds=60)
# Two readers may meet at ``alive``.
_TRIES = 5
_BETWEEN_TRIES_S = 0.002


class Living(Enum):
    """What lives of a run."""

    NOTHING = "nothing"
    SUPERVISED = "supervised"
    RANKS_ONLY = "ranks only"


def living(layout: RunLayout) -> Living:
    """What lives of a run, as far as it can be seen from here.

    On a file system whose locks don't reach other hosts a fresh heartbeat counts; on one that has none, the process
    that wrote it. Ranks that hold no lock are known by their tag.
    """
    with _tried(layout.claim, fcntl.LOCK_SH) as claim:
        if claim is False:
            return Living.SUPERVISED
        if claim is True and _ranks_live(layout):
            return Living.RANKS_ONLY
    if _beats(layout, is_lock_known=claim is True):
        return Living.SUPERVISED
    return Living.RANKS_ONLY if live_check.tagged(layout) else Living.NOTHING


def _ranks_live(layout: RunLayout) -> bool:
    for _ in range(_TRIES):
        with _tried(layout.alive, fcntl.LOCK_EX) as alive:
            if alive is not False:
                return False
        time.sleep(_BETWEEN_TRIES_S)
    return True


@contextmanager
def _tried(path: Path, kind: int) -> Iterator[bool | None]:
    """Whether the lock could be had, which it is until the end; None where there is no such file or no lock."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
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
    except OSError:  # NFS wants a descriptor for writing; others have no locks
        return None
    return True


def _beats(layout: RunLayout, *, is_lock_known: bool) -> bool:
    who, seen = owner.last(layout), layout.last_seen()
    if who is None or seen is None:
        return False
    here = owner.life(who)
    if here is Life.UNKNOWN:
        return datetime.now(timezone.utc) - seen <= _FRESH and not _has_ended(layout)
    return here is Life.ALIVE and not is_lock_known


def _has_ended(layout: RunLayout) -> bool:
    """Whether the record says so: the last beat may be fresh all the same."""
    try:
        return record_file.read(layout.record).state not in LIVE
    except DamagedRunError:
        return False
