"""What the ranks of an attempt left about their ending, read with care: they may have died while writing it."""

from __future__ import annotations

import os
from datetime import datetime

from tsdia_run.rundir import record
from tsdia_run.rundir.ending import Evidence, RankEnd, judge
from tsdia_run.rundir.fields import read_object
from tsdia_run.rundir.layout import AttemptLayout, RunLayout
from tsdia_run.rundir.record import LIVE, Outcome, Run, State

# The kernel would let a rank write gigabytes as its last words.
MAX_BYTES = 1024 * 1024
_MAX_ERROR_CHARACTERS = 300


def settle(run: Run, layout: RunLayout, last_seen: datetime | None) -> Run:
    """Write down what a dead supervisor could not: how its attempt ended, as far as the ranks left word of it.

    Args:
        run: The record as it is.
        layout: The files of the run; the caller holds the claim, so nothing of the run lives.
        last_seen: When the supervisor last gave a sign of life.

    Raises:
        OSError: The record can't be written.
    """
    ended = settled(run, layout, last_seen)
    if ended is not run:
        record.write(layout.record, ended)
    return ended


def settled(run: Run, layout: RunLayout, last_seen: datetime | None) -> Run:
    """The record as ``settle`` would write it; the same object where there is nothing to add.

    Args:
        run: The record as it is.
        layout: The files of the run, which is known not to live.
        last_seen: When the supervisor last gave a sign of life.
    """
    last = run.last
    if last.state not in LIVE:
        return run
    return run.with_attempt(record.ended(last, _without_supervisor(layout.attempt(last.number)), last_seen))


def _without_supervisor(attempt: AttemptLayout) -> Outcome:
    ends = {}
    for path in sorted(attempt.root.glob("exit-rank*.json")):
        data = read_object(path, MAX_BYTES)
        code = data.get("exit_code")
        number = path.stem.removeprefix("exit-rank")
        if isinstance(code, int) and number.isdecimal():
            ends[int(number)] = RankEnd(exit_code=code)
    failed = [rank for rank, end in ends.items() if end.exit_code]
    if not ends:
        return Outcome(State.LOST, "killed together with its supervisor, or the machine went down")
    shown = failed[0] if failed else min(ends)
    outcome = judge(Evidence(ends[shown], error=error_of(attempt, shown)))
    reason = f"{outcome.reason}; its supervisor had been killed before"
    return Outcome(outcome.state, reason, outcome.exit_code, outcome.signal, shown if len(ends) > 1 else None)


def error_of(attempt: AttemptLayout, rank: int) -> str | None:
    """The exception of a rank in one line: type, message, and where in the user's own code; None where none is left."""
    exception = read_object(attempt.exit_record(rank), MAX_BYTES).get("exception")
    if not isinstance(exception, dict):
        return None
    message = " ".join(str(exception.get("message") or "").split())
    text = f"{exception.get('type')}: {message}" if message else str(exception.get("type"))
    at = exception.get("at")
    where = f" ({os.path.basename(str(at.get('file')))}:{at.get('line')})" if isinstance(at, dict) else ""
    return text[:_MAX_ERROR_CHARACTERS] + where
