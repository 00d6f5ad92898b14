"""What the processes of an attempt left about their ending, read with care: they may have died while writing it."""

from __future__ import annotations

import signal
from datetime import datetime
from pathlib import Path

from tsdia_run.rundir import record
from tsdia_run.rundir.ending import Evidence, RankEnd
from tsdia_run.rundir.last_words import error_of, read_object, without_supervisor
from tsdia_run.rundir.layout import AttemptLayout, RunLayout
from tsdia_run.rundir.record import LIVE, Run


def gather(attempt: AttemptLayout, direct: RankEnd, is_delegated: bool, stop: signal.Signals | None) -> Evidence:
    """Everything that is known about an ending.

    Args:
        attempt: Where the ranks and their launcher left their records.
        direct: How the direct child ended.
        is_delegated: Whether it was a launcher of several ranks.
        stop: The signal that asked us to stop, if one did.
    """
    ranks, first = _ranks(attempt.launcher_record) if is_delegated else ({}, None)
    # For a single rank the launcher becomes the script; then it leaves no record and the script may.
    became_the_script = not attempt.launcher_record.exists() and attempt.exit_record(0).exists()
    return Evidence(
        direct=direct,
        is_delegated=is_delegated and not became_the_script,
        ranks=ranks,
        first_rank=first,
        error=error_of(attempt, first or 0),
        stop=stop,
    )


def settle(run: Run, layout: RunLayout, last_seen: datetime | None) -> Run:
    """Write down what a dead supervisor could not: how its attempt ended, as far as the ranks left word of it.

    Args:
        run: The record as it is.
        layout: The files of the run; the caller holds the claim, so nothing of the run lives.
        last_seen: When the supervisor last gave a sign of life.

    Raises:
        OSError: The record can't be written.
    """
    last = run.last
    if last.state not in LIVE:
        return run
    outcome = without_supervisor(layout.attempt(last.number))
    run = run.with_attempt(record.ended(last, outcome, last_seen))
    record.write(layout.record, run)
    return run


def _ranks(path: Path) -> tuple[dict[int, RankEnd], int | None]:
    data = read_object(path)
    found, ranks = {}, data.get("ranks")
    for number, end in ranks.items() if isinstance(ranks, dict) else ():
        if number.isdecimal() and isinstance(end, dict):
            found[int(number)] = RankEnd(_whole(end.get("exit_code")), _whole(end.get("signal")))
    return found, _whole(data.get("first"))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
