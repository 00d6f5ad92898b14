"""Record the ending of an attempt whose supervisor could not, from the records of its ranks or its kept ending."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from tsdia_run.outcome import exit_records, kept_endings, launcher_record, refusals, stop_request
from tsdia_run.outcome.classify import Evidence, RankEnd, Stop, judge
from tsdia_run.outcome.exit_records import ExitRecord, first_failure, ranks_with
from tsdia_run.outcome.journal_files import write_rest
from tsdia_run.outcome.log_tail import last_lines
from tsdia_run.outcome.traceback_text import crash
from tsdia_run.outcome.traces import collect
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.original import original
from tsdia_run.rundir.record import LIVE, Attempt, Outcome, Run, State
from tsdia_run.text import shown

_LOST = "no heartbeat and no recorded ending: killed with its supervisor, or the machine went down"
_COPIED = "copied from {} while that run was running"
_UNSEEN = "its supervisor did not record this"
_NEVER_BEGAN = "killed before or while the training started"


def settle(run: Run, layout: RunLayout, last_seen: datetime | None) -> Run:
    """Record the ending of an attempt whose supervisor could not record it, and complete its log.

    Args:
        run: The current record.
        layout: The files of the run. The caller holds the claim, so no process of the run is running.
        last_seen: The last heartbeat of the supervisor.

    Raises:
        OSError: The record can't be written.
    """
    ended = settled(run, layout, last_seen)
    if ended is not run:
        write_rest(layout, run.last.number, run.last.log)
        record_file.write(layout.record, ended)
        if _kept(run, layout) is not None:
            kept_endings.forget(ended)
    return ended


def settled(run: Run, layout: RunLayout, last_seen: datetime | None) -> Run:
    """Return the record that ``settle`` would write; the same object if the ending is recorded already.

    Args:
        run: The current record.
        layout: The files of the run. No process of the run may be running.
        last_seen: The last heartbeat of the supervisor.
    """
    last = run.last
    if last.state not in LIVE:
        return run
    kept = _kept(run, layout)
    if kept is not None:
        return replace(run.with_attempt(kept.last), digest=kept.digest)
    attempt = layout.attempt(last.number)
    ends = exit_records.read_all(attempt)
    times = [end.ended_at for end in ends.values() if end.ended_at] or [last_seen or last.started_at]
    # The last heartbeat may be older than the attempt.
    ended_at = max(*times, last.started_at)
    if last.checkpoint is not None:
        last = replace(last, warnings=refusals.warnings(layout) or last.warnings)
    outcome = _without_supervisor(layout, last, ends)
    if outcome.state is State.LOST and (source := original(layout, run)) is not None:
        outcome = replace(outcome, reason=_COPIED.format(shown(source)))
    return run.with_attempt(last.with_outcome(outcome, ended_at))


def _kept(run: Run, layout: RunLayout) -> Run | None:
    """Return the record with the kept ending; None if there is none, or if it belongs to the original of a copy."""
    kept = kept_endings.kept(run)
    return kept if kept is not None and original(layout, run) is None else None


def _without_supervisor(layout: RunLayout, last: Attempt, ends: Mapping[int, ExitRecord]) -> Outcome:
    attempt, lines = layout.attempt(last.number), last_lines(layout.root / last.log)
    request = stop_request.read(attempt)
    stop = request.stop if request else None
    launcher = launcher_record.read(attempt)
    if launcher.ranks:
        found = collect(attempt, lines, RankEnd(exit_code=0), is_delegated=True)
        return _unseen(judge(replace(found, stop=stop)))
    first = first_failure(ends)
    # A rank creates its file for stacks when it starts, and removes the file when it ends.
    has_unended = bool(ranks_with(attempt, attempt.stacks) - set(ends))
    end = ends[min(ends) if first is None else first].end if ends else None
    if end is None or (first is None and has_unended):
        return _without_records(lines, last, stop, has_begun=bool(ends) or has_unended)
    found = collect(attempt, lines, end, is_delegated=False)
    outcome = judge(replace(found, stop=stop, has_finished=False))
    return _unseen(replace(outcome, rank=first if len(ends) > 1 else None))


def _without_records(lines: Sequence[str], last: Attempt, stop: Stop | None, *, has_begun: bool) -> Outcome:
    """Return the ending of a training of which some rank did not record its end."""
    found = crash(lines)
    if found is not None:
        number = signal.Signals[found.signal]
        return _unseen(judge(Evidence(RankEnd(signal=number), place=found.where, stop=stop)))
    if stop is not None:
        return _unseen(Outcome(State.STOPPED, f"{stop.why}; its processes ended without an exit record"))
    return Outcome(State.LOST, _LOST if has_begun or last.state is State.RUNNING else _NEVER_BEGAN)


def _unseen(outcome: Outcome) -> Outcome:
    return replace(outcome, reason=f"{outcome.reason}; {_UNSEEN}")
