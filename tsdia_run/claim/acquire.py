"""How ``new`` gets into a run directory: claim it, or say why not, or move aside what may be moved."""

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

# Two starts that move the same failed start aside meet at most once each; more means that something is wrong.
_ROUNDS = 3


@dataclass(frozen=True)
class Entry:
    """What it takes to get in.

    Attributes:
        run_dir: The directory to be claimed.
        wants_move_aside: Whether the user asked to move aside what is there.
    """

    run_dir: Path
    wants_move_aside: bool


def examine(entry: Entry) -> Contents | None:
    """Find out, without changing anything, what would have to be moved aside.

    Returns:
        What is there and may be moved; None where the directory is free.

    Raises:
        RunAliveError: A run lives in there.
        CheckpointDirectoryExistsError: Something is in there that must not be moved.
        RunDirectoryError: It is no directory, or lies inside a run, or holds runs.
    """
    run_dir = entry.run_dir
    _refuse_odd_place(run_dir)
    _refuse_living(entry)
    found = occupancy.survey(run_dir)
    if found is None:
        return None
    if occupancy.judge(found, wants_move_aside=entry.wants_move_aside) is Occupancy.REFUSE:
        raise occupancy.refusal(found, now=datetime.now(timezone.utc))
    return found


def enter(entry: Entry) -> tuple[guard.Claim, Path | None]:
    """Claim the run directory.

    Returns:
        The claim, and where the old contents went, if any were moved aside.

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
        examine_again = occupancy.survey(entry.run_dir)
        if examine_again is None or occupancy.judge(examine_again, wants_move_aside=entry.wants_move_aside) is (
            Occupancy.REFUSE
        ):
            raise Overtaken(entry.run_dir)
        return _moved(claim)
    finally:
        claim.close()


def _moved(claim: guard.Claim) -> Path:
    """Move a claimed directory into the trash folder beside it and give the claim up.

    Returns:
        Where it is now.

    Raises:
        RunDirectoryError: It can't be moved, being a mount point, say; it stands as it was.
    """
    run_dir = claim.layout.root
    trash = run_dir.parent / TRASH_DIR_NAME
    stamp = f"{datetime.now():%Y%m%d_%H%M%S}"
    target = trash / f"{run_dir.name}-{stamp}-{os.urandom(2).hex()}"
    try:
        trash.mkdir(exist_ok=True)
        if trash.is_symlink():
            raise RunDirectoryError(f"{trash} is a link; nothing is moved through it", hint="Remove the link.")
        run_dir.rename(target)
    except OSError as error:
        raise RunDirectoryBlocked(f"can't move {run_dir} to {target}: {error.strerror}", run_dir) from error
    finally:
        claim.close()
    return target


def _refuse_living(entry: Entry) -> None:
    try:
        guard.refuse_living(entry.run_dir)
    except RunAliveError as error:
        error.wanted = entry.run_dir
        raise


def _refuse_odd_place(run_dir: Path) -> None:
    if run_dir.is_symlink():
        raise RunDirectoryIsLink(run_dir, os.readlink(run_dir))
    if run_dir.exists() and not run_dir.is_dir():
        raise RunDirectoryBlocked(f"{run_dir} is a file", run_dir)
    outer = occupancy.enclosing_run(run_dir)
    if outer:
        raise InsideOfRun(run_dir, outer)
    inner = occupancy.inner_run(run_dir)
    if inner:
        raise RunDirectoryBlocked(f"{run_dir} has the run {inner} inside", run_dir)
