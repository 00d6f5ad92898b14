"""Claim the directory of a new run: move replaceable contents to .tsdia-trash, or raise an error."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from tsdia_run.claim import guard, occupancy
from tsdia_run.claim.occupancy import Contents, Occupancy
from tsdia_run.errors import RunAliveError, RunDirectoryError
from tsdia_run.errors.placing import (
    InsideOfRun,
    Overtaken,
    RunDirectoryBlocked,
    RunDirectoryContested,
    RunDirectoryIsLink,
)
from tsdia_run.rundir.layout import TRASH_DIR_NAME

# Two starts that replace the same failed start collide at most once each; more collisions mean an error.
_ROUNDS = 3


@dataclass(frozen=True)
class Entry:
    """A request to claim the directory of a new run.

    Attributes:
        run_dir: The directory to claim.
        wants_move_aside: Whether the user requested ``--move-aside``.
    """

    run_dir: Path
    wants_move_aside: bool


def examine(entry: Entry) -> Contents | None:
    """Return what a start would have to move to .tsdia-trash, without changing anything.

    Returns:
        The existing contents that may be moved; None if the directory is free.

    Raises:
        RunAliveError: The run in the directory is running.
        CheckpointDirectoryExistsError: The existing contents must not be moved.
        RunDirectoryError: The path is not a directory, is inside a run, or contains runs.
    """
    run_dir = entry.run_dir
    _refuse_invalid_path(run_dir)
    _refuse_running(entry)
    found = occupancy.survey(run_dir)
    if found is None:
        return None
    if occupancy.judge(found, wants_move_aside=entry.wants_move_aside) is Occupancy.REFUSE:
        raise occupancy.refusal(found, now=datetime.now(timezone.utc))
    return found


def enter(entry: Entry) -> tuple[guard.Claim, Path | None]:
    """Claim the run directory.

    Returns:
        The claim, and the new path of the old contents, if they were moved.

    Raises:
        RunAliveError, CheckpointDirectoryExistsError, RunDirectoryError: As ``examine``.
    """
    moved: Path | None = None
    for _ in range(_ROUNDS):
        found = examine(entry)
        try:
            if found is not None:
                moved = _move_aside(entry)
            return guard.claim_new(entry.run_dir), moved
        except Overtaken:
            continue
    raise RunDirectoryContested(entry.run_dir)


def _move_aside(entry: Entry) -> Path:
    claim = guard.claim_existing(entry.run_dir)
    try:
        current = occupancy.survey(entry.run_dir)
        if current is None or occupancy.judge(current, wants_move_aside=entry.wants_move_aside) is Occupancy.REFUSE:
            raise Overtaken(entry.run_dir)
        return _moved(claim)
    finally:
        claim.close()


def _moved(claim: guard.Claim) -> Path:
    """Move a claimed directory into the .tsdia-trash folder next to it, and release the claim.

    Returns:
        Its new path.

    Raises:
        RunDirectoryError: It can't be moved, for example because it is a mount point; it is unchanged.
    """
    run_dir = claim.layout.root
    trash = run_dir.parent / TRASH_DIR_NAME
    stamp = f"{datetime.now():%Y%m%d_%H%M%S}"
    target = trash / f"{run_dir.name}-{stamp}-{os.urandom(2).hex()}"
    try:
        trash.mkdir(exist_ok=True)
        if trash.is_symlink():
            raise RunDirectoryError(
                f"{trash} is a symlink: tsdia-run moves nothing through it", hint="Remove the symlink."
            )
        run_dir.rename(target)
    except OSError as error:
        raise RunDirectoryBlocked(f"can't move {run_dir} to {target}: {error.strerror}", run_dir) from error
    finally:
        claim.close()
    return target


def _refuse_running(entry: Entry) -> None:
    try:
        guard.refuse_running(entry.run_dir)
    except RunAliveError as error:
        error.refused_dir = entry.run_dir
        raise


def _refuse_invalid_path(run_dir: Path) -> None:
    if run_dir.is_symlink():
        raise RunDirectoryIsLink(run_dir, os.readlink(run_dir))
    if run_dir.exists() and not run_dir.is_dir():
        raise RunDirectoryBlocked(f"{run_dir} is a file", run_dir)
    outer = occupancy.enclosing_run(run_dir)
    if outer:
        raise InsideOfRun(run_dir, outer)
    inner = occupancy.inner_run(run_dir)
    if inner:
        raise RunDirectoryBlocked(f"{run_dir} contains the run {inner}", run_dir)
