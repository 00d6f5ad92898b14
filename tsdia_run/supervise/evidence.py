"""What the launcher, the ranks and the disk say about an ending, read with care: they may have died meanwhile."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from tsdia_run.outcome import launcher_record, refusals
from tsdia_run.outcome.classify import Evidence, RankEnd
from tsdia_run.outcome.exit_records import LastWords, words_of
from tsdia_run.rundir.layout import AttemptLayout, RunLayout

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
    said = launcher_record.read(attempt)
    # For a single rank the launcher becomes the script; then it leaves no record and the script may.
    became_the_script = not attempt.launcher_record.exists() and attempt.exit_record(0).exists()
    return Evidence(
        direct=direct,
        is_delegated=is_delegated and not became_the_script,
        ranks=said.ranks,
        first_rank=said.first,
        launcher_signal=said.signal,
        error=words_of(attempt, said.first or 0).error,
        is_disk_full=_is_full(layout.root),
        refusal=refusals.refusal(attempt),
    )


def words(attempt: AttemptLayout, found: Evidence) -> LastWords:
    """What the rank that the evidence is about left."""
    return replace(words_of(attempt, found.first_rank or 0), refusal=found.refusal)


def _is_full(folder: Path) -> bool:
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_blocks > 0 and found.f_bavail * found.f_frsize < _FULL_BYTES
