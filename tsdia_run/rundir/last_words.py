"""What the ranks of an attempt left about their ending, read with care: they may have died while writing it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime

from tsdia_run.rundir import record, stop_request
from tsdia_run.rundir.ending import Evidence, RankEnd, judge
from tsdia_run.rundir.fields import read_object
from tsdia_run.rundir.layout import AttemptLayout, RunLayout
from tsdia_run.rundir.record import LIVE, Attempt, Outcome, Run, State

# The kernel would let a rank write gigabytes as its last words.
_MAX_BYTES = 1024 * 1024
_MAX_ERROR_CHARACTERS = 300
_LOST = "killed together with its supervisor, or the machine went down"
_NEVER_BEGAN = "killed before the training had started, or while it did"


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
    return run.with_attempt(record.ended(last, _without_supervisor(layout.attempt(last.number), last), last_seen))


def _without_supervisor(attempt: AttemptLayout, last: Attempt) -> Outcome:
    ends = {}
    for path in sorted(attempt.root.glob("exit-rank*.json")):
        data = read_object(path, _MAX_BYTES)
        code = data.get("exit_code")
        number = path.stem.removeprefix("exit-rank")
        if isinstance(code, int) and number.isdecimal():
            ends[int(number)] = RankEnd(exit_code=code)
    if not ends:
        return Outcome(State.LOST, _LOST if last.state is State.RUNNING else _NEVER_BEGAN)
    request = stop_request.read(attempt.stop)
    failed = [rank for rank, end in ends.items() if end.exit_code]
    shown = failed[0] if failed else min(ends)
    outcome = judge(Evidence(ends[shown], error=words_of(attempt, shown).error, stop=request.stop if request else None))
    reason = f"{outcome.reason}; its supervisor had been killed before"
    return Outcome(outcome.state, reason, outcome.exit_code, outcome.signal, shown if len(ends) > 1 else None)


@dataclass(frozen=True)
class LastWords:
    """What a rank left about its end.

    Attributes:
        error: Its exception in one line: type, message, and where in the user's own code; None where there was none.
        kind: The exception's type, as Python prints it.
        step: The last step that the script named.
    """

    error: str | None = None
    kind: str | None = None
    step: int | None = None


def words_of(attempt: AttemptLayout, rank: int) -> LastWords:
    """What a rank left about its end; nothing where it could not or did not."""
    data = read_object(attempt.exit_record(rank), _MAX_BYTES)
    step = data.get("step")
    step = step if isinstance(step, int) else None
    exception = data.get("exception")
    if not isinstance(exception, dict):
        return LastWords(step=step)
    message = " ".join(str(exception.get("message") or "").split())
    kind = str(exception.get("type"))
    at = exception.get("at")
    where = f" ({os.path.basename(str(at.get('file')))}:{at.get('line')})" if isinstance(at, dict) else ""
    text = f"{kind}: {message}" if message else kind
    return LastWords(text[:_MAX_ERROR_CHARACTERS] + where, kind, step)
