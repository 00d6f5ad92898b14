"""A run in one row of a list: read from its record alone where that says everything, else looked at closely."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tsdia_run.errors.lookups import UnknownState
from tsdia_run.report.formatting import DAMAGED, UNKNOWN
from tsdia_run.report.places import Places, is_run, run_dirs
from tsdia_run.rundir.record import LIVE, SCHEMA, Digest, State
from tsdia_run.text import nearest, visible

if TYPE_CHECKING:
    from tsdia_run.report.status import RunStatus

# The record is written last; what changes in the run's folder later makes the digest out of date.
_SLACK_S = 2.0
_ENDED = frozenset(state.value for state in State if state not in LIVE)
_MAX_BYTES = 1024 * 1024


STATES = (*(state.value for state in State), UNKNOWN, DAMAGED)


# A tuple, since there may be tens of thousands of them.
class RunRow(NamedTuple):
    """A run.

    Attributes:
        path: The run directory.
        name: Its last part.
        state: One of ``STATES``.
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
    state: str
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
        found = _from_record(path)
        if found is not None:
            read[path] = found
        return found is not None or is_run(path)

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
    return (row for row in found if row.state in states)


def since_then(found: Iterable[RunRow], moment: datetime) -> Iterator[RunRow]:
    """Those whose newest attempt started later."""
    return (row for row in found if row.started_at >= moment)


def _from_record(path: str) -> RunRow | None:
    """The row of a run that has ended and was not touched since; None for any other, and for a record that is odd."""
    try:
        fd = os.open(f"{path}/run.json", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            file = os.fstat(fd)
            # A buffer of the largest size for each of them would take longer than all the rest.
            data = os.read(fd, min(file.st_size, _MAX_BYTES))
        finally:
            os.close(fd)
        run = json.loads(data.decode())
        last = run["attempts"][-1]
        if run["schema"] != SCHEMA or last["state"] not in _ENDED or os.stat(path).st_mtime > file.st_mtime + _SLACK_S:
            return None
        return _row_of(path, run, Digest(**run["digest"]))
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return None  # the careful reader will say what is wrong


def _row_of(path: str, run: dict[str, Any], digest: Digest) -> RunRow | None:
    parse, duration_s = datetime.fromisoformat, 0.0
    for attempt in run["attempts"]:
        began, ended = parse(attempt["started_at"]), attempt["ended_at"]
        ended_at = parse(ended) if ended else None
        duration_s += (ended_at - began).total_seconds() if ended_at else 0.0
    reason, host, run_id = attempt["outcome"]["reason"], attempt["host"], run["run_id"]
    if not (type(reason) is type(host) is type(run_id) is str and began.tzinfo and digest.is_sound):
        return None
    name, number, reason, host = path.rpartition("/")[2], len(run["attempts"]), visible(reason), visible(host)
    entrypoint = run.get("entrypoint")
    entrypoint = visible(entrypoint) if isinstance(entrypoint, str) else None
    state = attempt["state"]
    return RunRow(path, name, state, reason, began, ended_at, duration_s, number, digest, host, run_id, entrypoint)


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
        state=sight.word,
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
