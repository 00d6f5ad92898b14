"""What is in a run directory that somebody wants to start in, and what follows from it."""

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

# Enough to tell the size of an ordinary run; a data set in there is not walked to its end.
_MAX_ENTRIES = 20_000
_INNER_LEVELS = 2


@dataclass(frozen=True)
class Contents:
    """What a directory holds.

    Attributes:
        run_dir: The directory.
        state: The state of the run in it; None where there is no record that can be read.
        checkpoints: Its checkpoints, the oldest first.
        size_bytes: Size of all files.
        is_size_complete: False where counting stopped early.
        changed_at: The newest change of a file.
        from_script: Whether there is a file that tsdia-run itself did not make.
    """

    run_dir: Path
    state: State | None
    checkpoints: tuple[checkpoints.Checkpoint, ...]
    size_bytes: int
    is_size_complete: bool
    changed_at: datetime
    from_script: bool


class Occupancy(Enum):
    """What ``new`` does with a directory that exists."""

    MOVE_ASIDE = "move aside"
    REFUSE = "refuse"


def judge(contents: Contents, *, wants_move_aside: bool) -> Occupancy:
    """Whether a new run may take the place of what is there.

    It may when the user said so, or when nothing is lost: the start failed (or was killed) before the script left a
    single file.
    """
    if wants_move_aside:
        return Occupancy.MOVE_ASIDE
    never_began = contents.state in (State.FAILED, State.LOST, State.PREPARING, State.RUNNING)
    return Occupancy.MOVE_ASIDE if never_began and not contents.from_script else Occupancy.REFUSE


def never_began(run_dir: Path) -> bool:
    """Whether there is a run that ended before its script left a file, so that a new one may take its place."""
    found = survey(run_dir)
    return found is not None and judge(found, wants_move_aside=False) is Occupancy.MOVE_ASIDE


def survey(run_dir: Path) -> Contents | None:
    """Look into a directory; None where there is nothing, an empty directory, or one that others try to claim now.

    The caller has made sure that no live run holds it, so a record that says "running" is of a lost run.
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
            with suppress(FileNotFoundError):  # a start beside this one gives up
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
        # Claimed and killed before the record was written.
        return State.LOST if layout.own.is_dir() else None
    try:
        state = record_file.read(layout.record).state
    except DamagedRunError:
        return None
    return State.LOST if state in LIVE else state


def refusal(contents: Contents, *, now: datetime) -> RunDirectoryOccupied:
    """The refusal of ``new``: what is there.

    Args:
        contents: What is there.
        now: To tell the age.
    """
    run_dir = contents.run_dir
    newest = contents.checkpoints[-1].path.name if contents.checkpoints else None
    what = f"a {contents.state.value} run" if contents.state else "something that is no run of tsdia-run"
    facts = [
        f"last changed {age(now - contents.changed_at)} ago",
        count(len(contents.checkpoints), "checkpoint") + (f" (newest {newest})" if newest else ""),
        ("" if contents.is_size_complete else "more than ") + size(contents.size_bytes),
    ]
    return RunDirectoryOccupied(
        f"{shown(run_dir)} holds {what}: {', '.join(facts)}",
        run_dir,
        contents.state.value if contents.state else None,
        newest,
    )


def enclosing_run(run_dir: Path) -> Path | None:
    """The run that ``run_dir`` would lie inside of, if any."""
    return next((parent for parent in run_dir.parents if RunLayout(parent).claim.exists()), None)


def inner_run(run_dir: Path) -> Path | None:
    """A run that lies inside ``run_dir``, down to two levels, if any."""
    # os.walk, unlike Path.glob, minds no folder that is gone by the time it is looked into: one of another start.
    for top, folders, _ in os.walk(run_dir):
        folder = Path(top)
        if folder != run_dir and RunLayout(folder).claim.exists():
            return folder
        if len(folder.relative_to(run_dir).parts) == _INNER_LEVELS:
            folders.clear()
    return None
