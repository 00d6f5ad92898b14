"""A run in one row of a list: read from its record alone where that says everything, else looked at closely."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tsdia_run.errors.lookups import UnknownState
from tsdia_run.report.formatting import NoState
from tsdia_run.report.places import Places, is_run, run_dirs
from tsdia_run.rundir.record import Digest, State
from tsdia_run.rundir.record_file import glance
from tsdia_run.text import nearest

if TYPE_CHECKING:
    from tsdia_run.report.status import RunStatus

# By their words.
STATES: Mapping[str, State | NoState] = {state.value: state for state in (*State, *NoState)}


# A tuple, since there may be tens of thousands of them.
class RunRow(NamedTuple):
    """A run.

    Attributes:
        path: The run directory.
        name: Its last part.
        state: Where it stands, or why nobody knows.
        reason: Why, or what is wrong with the record.
        started_at: When the newest attempt started; the newest change for a run without a record.
        ended_at: When it ended; None while it lives, and where nobody knows.
        duration_s: How long its attempts ran, all together.
        attempts: How many there are.
        digest: Step, metric, checkpoints, size and W&B run.
        host: Where the newest attempt ran.
        run_id: The run's id.
        entrypoint: The script, module or executable of the newest attempt; None where the record does not have it.
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


def with_entrypoint(found: RunRow) -> RunRow:
    """The row with its entrypoint, which for a record of an earlier version stands in another file."""
    if found.entrypoint is not None or not found.attempts:
        return found
    from tsdia_run.report.attempt_info import entrypoint
    from tsdia_run.rundir.layout import RunLayout

    return found._replace(entrypoint=entrypoint(RunLayout(Path(found.path)).attempt(found.attempts - 1)))


def rows(places: Places) -> Iterator[RunRow]:
    """Every run, in no order. A run that can't be read is a row that says so."""
    now = datetime.now(timezone.utc)
    read: dict[str, RunRow] = {}

    def is_known(path: str) -> bool:
        """Read the record at once: a run that has one need not be looked at to see that it is a run."""
        ended = glance(path)
        if ended is not None:
            read[path] = RunRow(path, path.rpartition("/")[2], *ended)
        return ended is not None or is_run(path)

    for path in run_dirs(places, is_known):
        yield read.pop(path) if path in read else row(Path(path), now)


def in_states(found: Iterable[RunRow], states: Collection[str]) -> Iterator[RunRow]:
    """Those that stand in one of the states.

    Raises:
        UsageError: There is no such state.
    """
    for word in states:
        if word not in STATES:
            near = nearest(word, STATES)
            meant = f"; did you mean {near}?" if near else ""
            raise UnknownState(f"{word}: no such state{meant}", hint=f"There are: {', '.join(STATES)}")
    wanted = {STATES[word] for word in states}
    return (row for row in found if row.state in wanted)


def since_then(found: Iterable[RunRow], moment: datetime) -> Iterator[RunRow]:
    """Those whose newest attempt started later."""
    return (row for row in found if row.started_at >= moment)


def row(run_dir: Path, now: datetime) -> RunRow:
    """A run looked at closely.

    Args:
        run_dir: The run.
        now: To tell how long a live one has been running.
    """
    # Loaded only where a record alone does not say everything.
    from tsdia_run.outcome.digest import measure
    from tsdia_run.report.status import look

    sight = look(run_dir)
    run, digest = sight.run, measure(sight.layout, sight.run.wandb_id if sight.run else None)
    last = run.last if run else None
    return RunRow(
        path=str(run_dir),
        name=sight.name,
        state=sight.standing,
        reason=sight.reason,
        started_at=last.started_at if last else _changed_at(sight),
        ended_at=last.ended_at if last else None,
        duration_s=run.lasted_s(now) if run else None,
        attempts=len(sight.attempts),
        digest=digest,
        host=last.host if last else None,
        run_id=run.run_id if run else None,
        entrypoint=run.entrypoint if run else None,
    )


def _changed_at(sight: RunStatus) -> datetime:
    try:
        return datetime.fromtimestamp(sight.layout.root.stat().st_mtime, tz=timezone.utc)
    except OSError:
        return datetime.fromtimestamp(0, tz=timezone.utc)
