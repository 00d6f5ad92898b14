"""Collect the evidence about an ending from the launcher, the ranks and the disk; any of it may be missing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tsdia_run.outcome.classify import Evidence, RankEnd
from tsdia_run.outcome.exit_records import ExitSummary, exit_summary, started_ranks
from tsdia_run.outcome.traces import collect
from tsdia_run.rundir.layout import AttemptLayout, RunLayout

# A file system that refused a write may still have a little space left, too small for that write.
_FULL_BYTES = 64 * 1024
_FULL_FILES = 4


def gather(
    layout: RunLayout, attempt: AttemptLayout, lines: Sequence[str], direct: RankEnd, *, is_delegated: bool
) -> Evidence:
    """Collect what is known about an ending from outside the supervisor.

    Args:
        layout: The files of the run.
        attempt: The files of the attempt, with the records of the ranks and of their launcher.
        lines: The last lines of its output.
        direct: How the direct child process ended.
        is_delegated: Whether the direct child is a launcher of several ranks.
    """
    # With a single rank the launcher becomes the script; then only the script can leave a record.
    became_the_script = (
        not os.path.exists(attempt.launcher_record)
        and started_ranks(attempt) == {0}
        and os.path.exists(attempt.exit_record(0))
    )
    found = collect(attempt, lines, direct, is_delegated=is_delegated and not became_the_script)
    return replace(found, is_disk_full=_is_full(layout.root))


def words(attempt: AttemptLayout, found: Evidence) -> ExitSummary:
    """Return the exit record of the rank that the evidence is about."""
    summary = exit_summary(attempt, found.first_rank or 0)
    return replace(summary, error=found.error or summary.error, refusal=found.refusal)


def _is_full(folder: Path) -> bool:
    try:
        status = os.statvfs(folder)
    except OSError:
        return False
    has_bytes = status.f_blocks == 0 or status.f_bavail * status.f_frsize >= _FULL_BYTES
    has_files = status.f_files == 0 or status.f_favail >= _FULL_FILES  # some file systems count no files
    return not (has_bytes and has_files)
