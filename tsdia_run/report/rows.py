"""A run in one row of a list: read from its record alone where that says everything, else looked at closely."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tsdia_run.errors import UsageError
from tsdia_run.report.places import Places, is_run, run_dirs
from tsdia_run.rundir.record import LIVE, Digest, State
from tsdia_run.words import nearest

if TYPE_CHECKING:
    from tsdia_run.report.sight import Sight

# The record is written last; what changes in the run's folder later makes the digest out of date.
_SLACK_S = 2.0
_ENDED = frozenset(state.value for state in State if state not in LIVE)
_FIRST_READ_BYTES = 65536
UNKNOWN = "unknown"


# A tuple, since there may be tens of thousands of them.
class Row(NamedTuple):
    """A run.

    Attributes:
        path: The run directory.
        name: Its last part.
        state: A word of ``State``; ``unknown`` where nothing says so.
        reason: Why, or what is wrong with the record.
        started_at: When the newest attempt started, ISO 8601 in UTC; the newest change for a run without a record.
        ended_at: When it ended; None while it lives, and where nobody knows.
        duration_s: How long its attempts ran, all together.
        attempts: How many there are.
        digest: Step, metric, checkpoints, size and W&B run.
        host: Where the newest attempt ran.
        run_id: The run's id.
    """

    path: str
    name: str
    state: str
    reason: str
    started_at: str
    ended_at: str | None
    duration_s: float | None
    attempts: int
    digest: Digest
    host: str | None
    run_id: str | None


def rows(places: Places) -> Iterator[Row]:
    """Every run, in no order. A run that can't be read is a row that says so."""
    now = datetime.now(timezone.utc)
    read: dict[str, Row] = {}

    def is_known(path: str) -> bool:
        """Read the record at once: a run that has one need not be looked at to see that it is a run."""
        found = _from_record(path)
        if found is not None:
            read[path] = found
        return found is not None or is_run(path)

    for path in run_dirs(places, is_known):
        yield read.pop(path) if path in read else row(Path(path), now)


def in_states(found: Iterable[Row], states: Collection[str]) -> Iterator[Row]:
    """Those that stand in one of the states.

    Raises:
        UsageError: There is no such state.
    """
    known = [*(state.value for state in State), UNKNOWN]
    for word in states:
        if word not in known:
            near = nearest(word, known)
            meant = f"; did you mean {near}?" if near else ""
            raise UsageError(f"--state {word}: no such state{meant}", hint=f"There are: {', '.join(known)}")
    return (row for row in found if row.state in states)


def since_then(found: Iterable[Row], moment: datetime) -> Iterator[Row]:
    """Those whose newest attempt started later."""
    return (row for row in found if datetime.fromisoformat(row.started_at) >= moment)


def _from_record(path: str) -> Row | None:
    """The row of a run that has ended and was not touched since; None for any other, and for a record that is odd."""
    try:
        fd = os.open(f"{path}/run.json", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            data = os.read(fd, _FIRST_READ_BYTES)
            recorded_s = os.fstat(fd).st_mtime
        finally:
            os.close(fd)
        run = json.loads(data)
        attempts, digest = run["attempts"], run["digest"]
        last = attempts[-1]
        if run["schema"] != 1 or last["state"] not in _ENDED or os.stat(path).st_mtime > recorded_s + _SLACK_S:
            return None
        texts = (last["outcome"]["reason"], last["started_at"], last["host"], run["run_id"])
        if (
            not all(isinstance(text, str) for text in texts)
            or not _is_sound(digest)
            or not isinstance(run["wandb_id"], str)
        ):
            return None
        duration_s = 0.0
        for attempt in attempts:
            if attempt["ended_at"]:
                began = datetime.fromisoformat(attempt["started_at"])
                duration_s += (datetime.fromisoformat(attempt["ended_at"]) - began).total_seconds()
        return Row(
            path,
            path.rpartition("/")[2],
            last["state"],
            texts[0],
            texts[1],
            last["ended_at"],
            duration_s,
            len(attempts),
            Digest(**digest),
            texts[2],
            texts[3],
        )
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return None  # the careful reader will say what is wrong


def _is_sound(digest: dict[str, object]) -> bool:
    """Whether the values are of the types that Digest has: somebody may have edited the record."""
    best, metric, wandb_id = digest["best"], digest["metric"], digest["wandb_id"]
    return (
        type(digest["checkpoints"]) is int
        and type(digest["size_bytes"]) is int
        and (digest["step"] is None or type(digest["step"]) is int)
        and (digest["best_step"] is None or type(digest["best_step"]) is int)
        and (best is None or type(best) is float)
        and (metric is None or type(metric) is str)
        and (wandb_id is None or type(wandb_id) is str)
    )


def row(run_dir: Path, now: datetime) -> Row:
    """A run looked at closely.

    Args:
        run_dir: The run.
        now: To tell how long a live one has been running.
    """
    # Loaded only where a record alone does not say everything.
    from tsdia_run.report.sight import look
    from tsdia_run.rundir.digest import measure

    sight = look(run_dir)
    run, digest = sight.run, measure(sight.layout, sight.run.wandb_id if sight.run else None)
    last = run.last if run else None
    return Row(
        path=str(run_dir),
        name=sight.name,
        state=sight.state.value if sight.state else UNKNOWN,
        reason=sight.reason,
        started_at=_text(last.started_at if last else _changed_at(sight)),
        ended_at=_text(last.ended_at) if last and last.ended_at else None,
        duration_s=run.lasted_s(now) if run else None,
        attempts=len(sight.attempts),
        digest=digest,
        host=last.host if last else None,
        run_id=run.run_id if run else None,
    )


def _changed_at(sight: Sight) -> datetime:
    try:
        return datetime.fromtimestamp(sight.layout.root.stat().st_mtime, tz=timezone.utc)
    except OSError:
        return datetime.fromtimestamp(0, tz=timezone.utc)


def _text(at: datetime) -> str:
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds")
