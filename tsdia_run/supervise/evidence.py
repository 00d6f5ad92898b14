"""What the processes of an attempt left about their ending, read with care: they may have died while writing it."""

from __future__ import annotations

import signal
from pathlib import Path

from tsdia_run.rundir.ending import Evidence, RankEnd
from tsdia_run.rundir.fields import read_object
from tsdia_run.rundir.last_words import MAX_BYTES, error_of
from tsdia_run.rundir.layout import AttemptLayout


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


def _ranks(path: Path) -> tuple[dict[int, RankEnd], int | None]:
    data = read_object(path, MAX_BYTES)
    found, ranks = {}, data.get("ranks")
    for number, end in ranks.items() if isinstance(ranks, dict) else ():
        if number.isdecimal() and isinstance(end, dict):
            found[int(number)] = RankEnd(_whole(end.get("exit_code")), _whole(end.get("signal")))
    return found, _whole(data.get("first"))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
