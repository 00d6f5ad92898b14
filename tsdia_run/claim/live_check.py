"""Refuse a start while a process of the run is running.

A lock shows that the supervisor is running; a lock or the run's tag shows that ranks are running.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tsdia_run.claim import lockless, owner
from tsdia_run.claim.lockless import NewestClaim
from tsdia_run.claim.owner import Life, Owner
from tsdia_run.claim.processes import members
from tsdia_run.errors import DamagedRunError, RunAliveError
from tsdia_run.errors.placing import OrphanedTraining, SupervisedRun
from tsdia_run.files.locks import Locking, lock_patiently, open_lock
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.original import original_of
from tsdia_run.rundir.record import LIVE
from tsdia_run.text import shell

_MAX_PIDS = 16
_TRIES = 50
_BETWEEN_TRIES_S = 0.01


def refuse(layout: RunLayout) -> None:
    """Check, without changing anything, that a run is not running.

    Raises:
        RunAliveError: Its supervisor or a rank is running.
        OSError: The file system failed.
    """
    try:
        fd = open_lock(layout.claim)
    except OSError:
        return
    try:
        if lock_patiently(fd) is Locking.BUSY:
            raise supervised(layout)
        with suppress(FileNotFoundError):  # another start moved it just now
            own_fd = open_folder(layout.own)
            try:
                refuse_owned(layout, own_fd)
            finally:
                os.close(own_fd)
        refuse_ranks(layout)
    finally:
        os.close(fd)


def supervised(layout: RunLayout) -> RunAliveError:
    """Return the error for a run whose supervisor holds the lock."""
    found = owner.last(layout)
    for _ in range(_TRIES):
        if found is None or owner.life(found) is not Life.DEAD:
            break
        # The new owner has just taken the lock, and writes its name next.
        time.sleep(_BETWEEN_TRIES_S)
        found = owner.last(layout)
    return _owned_by(layout, found)


def _owned_by(layout: RunLayout, found: Owner | None) -> RunAliveError:
    return SupervisedRun(layout.root, str(found or "owner unknown"))


def open_folder(path: Path) -> int:
    """Open a run's ``.tsdia`` folder, so that its files stay reachable when the run is moved.

    Raises:
        OSError: It can't be opened, or is not a folder.
    """
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def refuse_owned(layout: RunLayout, own_fd: int) -> NewestClaim:
    """Return the newest claim without a lock, if it is free.

    Args:
        layout: The files of the run, for messages.
        own_fd: Its open ``.tsdia`` folder.

    Raises:
        RunAliveError: The owner is running, or this machine can't know whether it is.
        OSError: The file system failed.
    """
    newest = lockless.look(own_fd)
    if newest.life is not Life.DEAD and _is_copied(layout):
        return replace(newest, life=Life.DEAD)
    if newest.life is Life.ALIVE:
        raise _owned_by(layout, newest.owner)
    if newest.life is Life.UNKNOWN:
        folder = layout.lockless_claim(newest.number)
        found = newest.owner or f"{folder} does not name the owner"
        raise RunAliveError(
            f"{layout.root} is owned by a process on another machine ({found}): its file system has no locks, so this"
            " machine can't check whether that process is running",
            hint=f"If you know that it is not running: {shell(['rm', '-r', str(folder)])}",
        )
    return newest


def _is_copied(layout: RunLayout) -> bool:
    """Return whether a claim without a lock was copied with the directory, so that its owner owns the original.

    Two mounts of one file system show the same directory with the same number, and may have two device ids.
    """
    source = original_of(layout)
    try:
        return source is not None and os.stat(source).st_ino != os.stat(layout.root).st_ino
    except OSError:
        return False


def refuse_ranks(layout: RunLayout) -> None:
    """Check that the training is not running, even if its supervisor has exited.

    Some ranks hold no lock: several ranks of a script without hooks, and all ranks on a file system without locks. They
    are found only by the tag in their environment.

    Raises:
        RunAliveError: The training is running.
        OSError: The file system failed.
    """
    pids = tagged(layout)
    if not pids and not _is_alive_locked(layout):
        return
    processes = tuple(f"{pid} {_name(pid)}" for pid in pids[:_MAX_PIDS])
    raise OrphanedTraining(layout.root, processes, str(owner.last(layout) or "unknown"))


def _is_alive_locked(layout: RunLayout) -> bool:
    try:
        fd = open_lock(layout.alive)
    except OSError:
        return False
    try:
        return lock_patiently(fd) is Locking.BUSY
    finally:
        os.close(fd)


def tagged(layout: RunLayout) -> list[int]:
    """Return the processes of an attempt without a recorded ending; a supervisor records it after they have ended."""
    try:
        run = record_file.read(layout.record)
    except DamagedRunError:  # or no record exists
        return []
    return members(run.run_id, layout.root) if run.state in LIVE else []


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "exited"
