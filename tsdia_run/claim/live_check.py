"""Whether a start may come in: not while anything of the run lives.

Its supervisor is known by its claim, its ranks by their lock or by their tag.
"""

from __future__ import annotations

import os
import shlex
import time
from contextlib import suppress
from pathlib import Path

from tsdia_run.claim import lockless, owner
from tsdia_run.claim.lockless import Standing
from tsdia_run.claim.owner import Holder, Life
from tsdia_run.claim.processes import members
from tsdia_run.errors import DamagedRunError, RunAliveError
from tsdia_run.errors.placing import OrphanedTraining, SupervisedRun
from tsdia_run.files.locks import Locking, lock_patiently, open_lock
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import LIVE

_MAX_PIDS = 16
_TRIES = 50
_BETWEEN_TRIES_S = 0.01


def refuse(layout: RunLayout) -> None:
    """Ask, without changing anything, whether a run lives.

    Raises:
        RunAliveError: A supervisor or a rank of it lives.
        OSError: The file system refused to tell.
    """
    try:
        fd = open_lock(layout.claim)
    except OSError:
        return
    try:
        if lock_patiently(fd) is Locking.BUSY:
            raise supervised(layout)
        with suppress(FileNotFoundError):  # moved aside at this moment
            own_fd = open_folder(layout.own)
            try:
                refuse_held(layout, own_fd)
            finally:
                os.close(own_fd)
        refuse_ranks(layout)
    finally:
        os.close(fd)


def supervised(layout: RunLayout) -> RunAliveError:
    """The refusal where a supervisor holds the lock."""
    who = owner.last(layout)
    for _ in range(_TRIES):
        if who is None or owner.life(who) is not Life.DEAD:
            break
        # It took the lock a moment ago, and writes down next that it did.
        time.sleep(_BETWEEN_TRIES_S)
        who = owner.last(layout)
    return _held_by(layout, who)


def _held_by(layout: RunLayout, who: Holder | None) -> RunAliveError:
    return SupervisedRun(layout.root, str(who or "its holder is not known"))


def open_folder(path: Path) -> int:
    """Open a run's own folder, to reach what is in it wherever it is moved.

    Raises:
        OSError: It can't be opened, or is none.
    """
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def refuse_held(layout: RunLayout, own_fd: int) -> Standing:
    """The newest claim without a lock, which is free.

    Args:
        layout: The files of the run, for messages.
        own_fd: Its own folder.

    Raises:
        RunAliveError: Its holder lives, or that can't be known from here.
        OSError: The file system refused to tell.
    """
    newest = lockless.look(own_fd)
    if newest.life is Life.ALIVE:
        raise _held_by(layout, newest.holder)
    if newest.life is Life.UNKNOWN:
        folder = layout.held(newest.number)
        who = newest.holder or f"{folder} does not tell who"
        raise RunAliveError(
            f"{layout.root} is held from elsewhere ({who}), on a file system without locks, so that it can't be known"
            " here whether that run lives",
            hint=f"If you know that it does not: rm -r {shlex.quote(str(folder))}",
        )
    return newest


def refuse_ranks(layout: RunLayout) -> None:
    """Ask whether the training lives, whatever became of its supervisor.

    Not every rank holds the lock: those of a script without hooks that has several, and all where there are no locks,
    are found by the tag in their environment alone.

    Raises:
        RunAliveError: It does.
        OSError: The file system refused to tell.
    """
    pids = tagged(layout)
    if not pids and not _is_alive_locked(layout):
        return
    processes = tuple(f"{pid} {_name(pid)}" for pid in pids[:_MAX_PIDS])
    raise OrphanedTraining(layout.root, processes, str(owner.last(layout) or "not known"))


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
    """The processes of an attempt whose ending was not written down; a supervisor that did so had ended them."""
    try:
        run = record_file.read(layout.record)
    except DamagedRunError:  # or none is there
        return []
    return members(run.run_id) if run.state in LIVE else []


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "gone"
