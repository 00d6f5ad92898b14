"""Read the refused save and the warnings that the ranks of a resumed attempt recorded."""

from __future__ import annotations

import os

from tsdia_run.files.fields import read_bounded
from tsdia_run.rundir.checkpoint_layout import ReadsLayout
from tsdia_run.rundir.layout import AttemptLayout, RunLayout

_MAX_BYTES = 64 * 1024


def refusal(attempt: AttemptLayout) -> str | None:
    """Return why a save was refused, in one sentence; None if no save was refused."""
    try:
        return os.fsdecode(read_bounded(attempt.refused, _MAX_BYTES)).strip() or None
    except (OSError, ValueError):
        return None


def warnings(layout: RunLayout) -> tuple[str, ...]:
    """Return the warnings of the ranks of the newest attempt."""
    try:
        *texts, _ = read_bounded(ReadsLayout(layout.reads).warnings, _MAX_BYTES).split(b"\0")
    except (OSError, ValueError):
        return ()
    return tuple(text.decode("utf-8", "replace") for text in texts)
