"""The existing contents of a run directory, and whether a new run may replace them."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path

from tsdia_run import checkpoints
from tsdia_run.claim import guard
from tsdia_run.errors import DamagedRunError
from tsdia_run.errors.placing import RunDirectoryOccupied
from tsdia_run.files.atomic import meant_for
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import OWN_NAMES, RunLayout
from tsdia_run.rundir.record import LIVE, State
from tsdia_run.text import age, count, shown, size

# Enough for the size of an ordinary run; a data set in the directory is not counted to the end.
_MAX_ENTRIES = 20_000
_INNER_LEVELS = 2


@dataclass(frozen=True)
class Contents:
    """The contents of a directory.

    Attributes:
        run_dir: The directory.
        state: The state of the run in it; None if no readable record exists.
        checkpoints: Its checkpoints, the oldest first.
        size_bytes: The total size of its files.
        is_size_complete: False if counting stopped early.
        changed_at: The latest modification time of a file.
        from_script: Whether a file exists that tsdia-run did not create.
    """

    run_dir: Path
    state: State | None
    checkpoints: tuple[checkpoints.Checkpoint, ...]
    size_bytes: int
    is_size_complete: bool
    changed_at: datetime
    from_script: bool


class Occupancy(Enum):
    """What ``new`` does with an existing directory."""

    MOVE_ASIDE = "move aside"
    REFUSE = "refuse"


def judge(contents: Contents, *, wants_move_aside: bool) -> Occupancy:
    """Decide whether a new run may replace the existing contents.

    It may if the user requested that, or if nothing is lost: the start failed (or was killed) before the script wrote
    any file.
    """
    if wants_move_aside:
        return Occupancy.MOVE_ASIDE
    never_began = contents.state in (State.FAILED, State.LOST, State.PREPARING, State.RUNNING)
    return Occupancy.MOVE_ASIDE if never_began and not contents.from_script else Occupancy.REFUSE


def never_began(run_dir: Path) -> bool:
    """Return whether the run ended before its script wrote a file, so that a new run may replace it."""
    found = survey(run_dir)
    return found is not None and judge(found, wants_move_aside=False) is Occupancy.MOVE_ASIDE


def survey(run_dir: Path) -> Contents | None:
    """Examine a directory; None if it does not exist, is empty, or only other starts have files in it.

    The caller has checked that no running run owns it, so a record with the state "running" is of a lost run.
    """
    try:
        names = os.listdir(run_dir)
        changed_s = run_dir.stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None
    if all(guard.is_token(name) for name in names):
        return None
    total_bytes, entries = 0, 0
    from_script = False
    for folder, folders, files in os.walk(run_dir):
        top = Path(folder).relative_to(run_dir).parts[:1]
        is_own = bool(top) and (top[0] in OWN_NAMES or guard.is_token(top[0]))
        for name in files:
            with suppress(FileNotFoundError):  # another start gave up
                status = os.lstat(os.path.join(folder, name))
                total_bytes += status.st_size
                changed_s = max(changed_s, status.st_mtime)
            from_script |= not is_own if top else meant_for(name) not in OWN_NAMES
        from_script |= any(os.path.islink(os.path.join(folder, name)) for name in folders)
        entries += len(files)
        if entries > _MAX_ENTRIES:
            break
    return Contents(
        run_dir=run_dir,
        state=_state(run_dir),
        checkpoints=checkpoints.find(run_dir),
        size_bytes=total_bytes,
        is_size_complete=entries <= _MAX_ENTRIES,
        changed_at=datetime.fromtimestamp(changed_s, tz=timezone.utc),
        from_script=from_script,
    )


def _state(run_dir: Path) -> State | None:
    layout = RunLayout(run_dir)
    if not layout.record.exists():
        # The start was killed after the claim, before it wrote the record.
        return State.LOST if layout.own.is_dir() else None
    try:
        state = record_file.read(layout.record).state
    except DamagedRunError:
        return None
    return State.LOST if state in LIVE else state


def refusal(contents: Contents, *, now: datetime) -> RunDirectoryOccupied:
    """Return the error of ``new`` for a directory with existing contents.

    Args:
        contents: The existing contents.
        now: The current time, for their age.
    """
    run_dir = contents.run_dir
    newest = contents.checkpoints[-1].path.name if contents.checkpoints else None
    what = f"contains a {contents.state.value} run" if contents.state else "exists and is not a tsdia-run run directory"
    facts = [
        f"last changed {age(now - contents.changed_at)} ago",
        count(len(contents.checkpoints), "checkpoint") + (f" (newest {newest})" if newest else ""),
        ("" if contents.is_size_complete else "more than ") + size(contents.size_bytes),
    ]
    return RunDirectoryOccupied(
        f"{shown(run_dir)} {what}: {', '.join(facts)}",
        run_dir,
        contents.state.value if contents.state else None,
        newest,
    )


def enclosing_run(run_dir: Path) -> Path | None:
    """Return the run that contains ``run_dir``, if any."""
    return next((parent for parent in run_dir.parents if RunLayout(parent).claim.exists()), None)


def inner_run(run_dir: Path) -> Path | None:
    """Return a run inside ``run_dir``, at most two levels deep, if any."""
    # os.walk, unlike Path.glob, does not fail if another start removes a folder in the meantime.
    for top, folders, _ in os.walk(run_dir):
        folder = Path(top)
        if folder != run_dir and RunLayout(folder).claim.exists():
            return folder
        if len(folder.relative_to(run_dir).parts) == _INNER_LEVELS:
            folders.clear()
    return None
