"""What the launcher, the ranks and the disk say about an ending, read with care: they may have died meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

from tsdia_run.rundir.ending import Evidence, RankEnd
from tsdia_run.rundir.fields import read_object
from tsdia_run.rundir.last_words import LastWords, words_of
from tsdia_run.rundir.layout import AttemptLayout, RunLayout

_MAX_BYTES = 1024 * 1024
# A file system that refused a write still has the odds and ends that it was too large for.
_FULL_BYTES = 64 * 1024


def gather(layout: RunLayout, attempt: AttemptLayout, direct: RankEnd, is_delegated: bool) -> Evidence:
    """What is known about an ending from outside of the supervisor.

    Args:
        layout: The files of the run.
        attempt: Where the ranks and their launcher left their records.
        direct: How the direct child ended.
        is_delegated: Whether it was a launcher of several ranks.
    """
    data = read_object(attempt.launcher_record, _MAX_BYTES) if is_delegated else {}
    first = _whole(data.get("first"))
    # For a single rank the launcher becomes the script; then it leaves no record and the script may.
    became_the_script = not attempt.launcher_record.exists() and attempt.exit_record(0).exists()
    return Evidence(
        direct=direct,
        is_delegated=is_delegated and not became_the_script,
        ranks=_ranks(data.get("ranks")),
        first_rank=first,
        launcher_signal=_whole(data.get("signal")),
        error=words_of(attempt, first or 0).error,
        is_disk_full=_is_full(layout.root),
    )


def words(attempt: AttemptLayout, found: Evidence) -> LastWords:
    """What the rank that the evidence is about left."""
    return words_of(attempt, found.first_rank or 0)


def _ranks(data: object) -> dict[int, RankEnd]:
    found = {}
    for number, end in data.items() if isinstance(data, dict) else ():
        if number.isdecimal() and isinstance(end, dict):
            found[int(number)] = RankEnd(_whole(end.get("exit_code")), _whole(end.get("signal")))
    return found


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _is_full(folder: Path) -> bool:
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_blocks > 0 and found.f_bavail * found.f_frsize < _FULL_BYTES
