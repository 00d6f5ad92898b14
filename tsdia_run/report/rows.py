"""Read runs as rows of a list: only from the record if that is enough, else from all files of the run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tsdia_run.errors.lookups import UnknownState
from tsdia_run.report.formatting import SUSPENDED, NoState
from tsdia_run.report.places import Places, is_run, run_dirs
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Digest, State
from tsdia_run.rundir.record_file import glance
from tsdia_run.text import nearest

if TYPE_CHECKING:
    from tsdia_run.report.status import RunStatus

# The path of command.json in a run directory, for an attempt.
_COMMAND = str(RunLayout(Path()).attempt(0).command).replace("/0/", "/{}/")
# The names of all states.
STATES = (*(state.value for state in (*State, *NoState)), SUSPENDED)


# A tuple, since there may be tens of thousands of them.
class RunRow(NamedTuple):
    """A run.

    Attributes:
        path: The run directory.
        name: The last part of the path.
        state: The state, or why it is not known.
        reason: How the newest attempt ended, or what is wrong with the record.
        started_at: When the newest attempt started; the newest change for a run without a record.
        ended_at: When the newest attempt ended; None if it is running, and if its end is not known.
        duration_s: How long its attempts ran in total.
        attempts: The number of attempts.
        digest: Step, metric, checkpoints, size and W&B run.
        host: The machine of the newest attempt.
        run_id: The run's id; None for a copy without its own id.
        entrypoint: The script, module or executable of the newest attempt; None if the record lacks it.
        is_suspended: Whether a signal has stopped its training.
    """

    path: str
    name: str
    state: State | NoState
    reason: str
    started_at: datetime
    ended_at: datetime | None
    duration_s: float | None
    attempts: int
    digest: Digest
    host: str | None
    run_id: str | None
    entrypoint: str | None = None
    is_suspended: bool = False

    @property
    def word(self) -> str:
        """The state as the table shows it."""
        return SUSPENDED if self.is_suspended else str(self.state.value)


def with_entrypoint(found: RunRow) -> RunRow:
    """Return the row with its entrypoint, which a record of an earlier version has in another file."""
    if found.entrypoint is not None or not found.attempts:
        return found
    newest = found.attempts - 1
    # As text: paths of thousands of runs take longer to build than to look up.
    if not os.path.exists(f"{found.path}/{_COMMAND.format(newest)}"):
        return found
    from tsdia_run.report.attempt_info import entrypoint

    return found._replace(entrypoint=entrypoint(RunLayout(Path(found.path)).attempt(newest)))


def rows(places: Places) -> Iterator[RunRow]:
    """Yield every run, in any order. A run that can't be read has a row with the reason."""
    now = datetime.now(timezone.utc)
    read: dict[str, RunRow] = {}

    def is_known(path: str) -> bool:
        """Read the record first: a directory with a valid record is a run without further checks."""
        ended = glance(path)
        if ended is not None:
            read[path] = RunRow(path, path.rpartition("/")[2], *ended)
        return ended is not None or is_run(path)

    for path in run_dirs(places, is_known):
        yield read.pop(path) if path in read else row(Path(path), now)


def without_copied_ids(found: Iterable[RunRow]) -> list[RunRow]:
    """Return the rows. A copied run has the id of its original until it is resumed, so its row has none."""
    every = list(found)
    counts = Counter(row.run_id for row in every)
    twice = {run_id for run_id, number in counts.items() if run_id is not None and number > 1}
    if not twice:
        return every
    from tsdia_run.rundir.original import original_of

    return [
        row._replace(run_id=None) if row.run_id in twice and original_of(RunLayout(Path(row.path))) else row
        for row in every
    ]


def in_states(found: Iterable[RunRow], states: Collection[str]) -> Iterator[RunRow]:
    """Return the rows in one of the states.

    Raises:
        UsageError: A state does not exist.
    """
    for word in states:
        if word not in STATES:
            near = nearest(word, STATES)
            meant = f"; did you mean {near}?" if near else ""
            raise UnknownState(f"{word}: no such state{meant}", hint=f"States: {', '.join(STATES)}")
    # A suspended run is running too.
    return (row for row in found if not {row.word, row.state.value}.isdisjoint(states))


def since_then(found: Iterable[RunRow], moment: datetime) -> Iterator[RunRow]:
    """Return the rows whose newest attempt started at or after ``moment``."""
    return (row for row in found if row.started_at >= moment)


def row(run_dir: Path, now: datetime) -> RunRow:
    """Return the row of a run, from all files of the run.

    Args:
        run_dir: The run.
        now: The current time, for the duration of a running run.
    """
    # Imported only if the record is not enough.
    from tsdia_run.outcome.digest import measure
    from tsdia_run.report.status import look
    from tsdia_run.rundir import summary_file

    status = look(run_dir)
    run = status.run
    digest = measure(status.layout, run.wandb_id if run else None, summary_file.read_summary(status.layout))
    last = run.last if run else None
    return RunRow(
        path=str(run_dir),
        name=status.name,
        state=status.standing,
        reason=status.reason,
        started_at=last.started_at if last else _changed_at(status),
        ended_at=last.ended_at if last else None,
        duration_s=run.lasted_s(now) if run else None,
        attempts=len(status.attempts),
        digest=digest,
        host=last.host if last else None,
        run_id=run.run_id if run else None,
        entrypoint=run.entrypoint if run else None,
        is_suspended=status.is_suspended,
    )


def _changed_at(status: RunStatus) -> datetime:
    try:
        return datetime.fromtimestamp(status.layout.root.stat().st_mtime, tz=timezone.utc)
    except OSError:
        return datetime.fromtimestamp(0, tz=timezone.utc)
