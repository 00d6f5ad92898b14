"""Write down what a dead supervisor could not: how its attempt ended, as far as the ranks left word of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from tsdia_run.outcome import exit_records, launcher_record, refusals, stop_request
from tsdia_run.outcome.classify import Evidence, RankEnd, judge
from tsdia_run.outcome.exit_records import ExitRecord, ranks_with, words_of
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import AttemptLayout, RunLayout
from tsdia_run.rundir.record import LIVE, Attempt, Outcome, Run, State

_LOST = "killed together with its supervisor, or the machine went down"
_UNSEEN = "its supervisor had been killed before"
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
        record_file.write(layout.record, ended)
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
    attempt = layout.attempt(last.number)
    ends = exit_records.read_all(attempt)
    times = [end.ended_at for end in ends.values() if end.ended_at] or [last_seen or last.started_at]
    # The supervisor's last sign of life may be of before it had the attempt.
    ended_at = max(*times, last.started_at)
    if last.checkpoint is not None:
        last = replace(last, warnings=refusals.warnings(layout) or last.warnings)
    return run.with_attempt(last.with_outcome(_without_supervisor(attempt, last, ends), ended_at))


def _without_supervisor(attempt: AttemptLayout, last: Attempt, ends: Mapping[int, ExitRecord]) -> Outcome:
    refused = refusals.refusal(attempt)
    request = stop_request.read(attempt)
    stop = request.stop if request else None
    said = launcher_record.read(attempt)
    if said.ranks:
        error = words_of(attempt, said.first or 0).error
        outcome = judge(
            Evidence(
                RankEnd(exit_code=0), True, said.ranks, said.first, said.signal, error=error, stop=stop, refusal=refused
            )
        )
        return replace(outcome, reason=f"{outcome.reason}; {_UNSEEN}")
    failed = sorted(rank for rank, end in ends.items() if end.exit_code)
    # A rank puts its file for stacks there when it begins, and takes it away when it ends.
    has_unended = bool(ranks_with(attempt, attempt.stacks) - set(ends))
    if not ends or (has_unended and not failed):
        return Outcome(State.LOST, _LOST if ends or has_unended or last.state is State.RUNNING else _NEVER_BEGAN)
    shown = failed[0] if failed else min(ends)
    error = words_of(attempt, shown).error
    outcome = judge(Evidence(RankEnd(ends[shown].exit_code), error=error, stop=stop, refusal=refused))
    return replace(outcome, reason=f"{outcome.reason}; {_UNSEEN}", rank=shown if len(ends) > 1 else None)
