"""Collect what the processes of an attempt left about their ending: records, stack traces and the log."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tsdia_run.outcome import exit_records, launcher_record, log_tail, refusals, stacks
from tsdia_run.outcome.classify import Evidence, RankEnd, signal_name
from tsdia_run.outcome.exit_records import ExitRecord, first_failure, started_ranks
from tsdia_run.outcome.traceback_text import exceptions
from tsdia_run.rundir.layout import AttemptLayout

# A launcher that is itself a Python script ends with one of these.
_OF_LAUNCHERS = ("ChildFailedError", "CalledProcessError")


def collect(attempt: AttemptLayout, lines: Sequence[str], direct: RankEnd, *, is_delegated: bool) -> Evidence:
    """Collect what is known about an ending from what the processes left.

    Args:
        attempt: The files of the attempt.
        lines: The last lines of the log.
        direct: How the direct child process ended.
        is_delegated: Whether the direct child is a launcher of several ranks.
    """
    launcher, records = launcher_record.read(attempt), exit_records.read_all(attempt)
    started = started_ranks(attempt)
    first = launcher.first
    if first is None and launcher.ranks:
        first = _failed_while_stopping(records)
    shown = records.get((first_failure(records) or 0) if first is None and not is_delegated else first or 0)
    found = Evidence(
        direct=direct,
        is_delegated=is_delegated,
        is_program=not started and not is_delegated,
        ranks=launcher.ranks,
        first_rank=first,
        unended=tuple(rank for rank, end in launcher.ranks.items() if end.signal == signal.SIGKILL),
        launcher_signal=launcher.signal,
        ended_at=launcher.ended_at.get(-1 if first is None else first),
        has_finished=not is_delegated and shown is not None and shown.exit_code == 0,
        hung_at=stacks.places(attempt, started),
        refusal=refusals.refusal(attempt),
    )
    if shown is None or (first is None and is_delegated and not launcher.ranks):
        return _from_log(found, lines) if not records else found
    return _with_record(found, shown, lines)


def _with_record(found: Evidence, record: ExitRecord, lines: Sequence[str]) -> Evidence:
    error = record.error
    if error is None:
        return _from_log(found, lines)
    is_launcher = not found.is_delegated and error.kind.endswith(_OF_LAUNCHERS) and error.where is None
    if is_launcher:
        return _from_log(replace(found, is_program=True), lines)
    if error.is_exit:
        found = replace(found, place=error.where)
        printed = log_tail.inner_end(lines, is_program=False)
        if found.is_delegated:  # the last lines may be those of another rank
            return found if exceptions(lines) else replace(found, printed=printed.line)
        return replace(found, error=printed.error, printed=printed.line)
    return replace(found, error=error.text, is_consequence=record.is_consequence, has_finished=False)


def _from_log(found: Evidence, lines: Sequence[str]) -> Evidence:
    """Return the evidence with what the log says of processes that left no exit record."""
    if found.is_delegated:
        if not found.ranks and (first := log_tail.first_to_fail(lines)).end and first.rank is not None:
            found = replace(found, ranks={first.rank: first.end}, first_rank=first.rank)
        end = (found.ranks or {}).get(-1 if found.first_rank is None else found.first_rank)
        error = log_tail.error_of(lines, end, found.first_rank) if end else None
        if (
            error is None and end is not None and end.exit_code and len(exceptions(lines)) <= 1
        ):  # others are of other ranks
            inner = log_tail.inner_end(lines, is_program=False)
            return replace(found, error=inner.error, printed=inner.line)
        return replace(found, error=error)
    if found.direct.signal is not None:
        return replace(found, place=log_tail.crash_place(lines, signal_name(found.direct.signal)))
    if found.direct.exit_code == 0:
        return found
    inner = log_tail.inner_end(lines, is_program=found.is_program)
    found = replace(found, direct=inner.end or found.direct, error=inner.error, printed=inner.line)
    if inner.end is None or inner.rank is None:
        return found
    return replace(found, ranks={inner.rank: inner.end}, first_rank=inner.rank)


def _failed_while_stopping(records: Mapping[int, ExitRecord]) -> int | None:
    """Return the rank that failed with an exception after a stop request; a KeyboardInterrupt is the request itself."""
    return first_failure(
        {
            rank: record
            for rank, record in records.items()
            if record.error and not record.error.is_exit and record.signal != signal.SIGINT
        }
    )
