"""Checkpoints superseded by a resume from an earlier one: kept, shown as such, never chosen automatically.

The resume itself writes down which checkpoints were beyond the one that it started from. One that is saved again under
the same name afterwards is a new one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from tsdia_run.checkpoints import files, find
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Run


def beyond(layout: RunLayout, start: Path | None, patterns: Sequence[str] | None = None) -> tuple[str, ...]:
    """The checkpoints that lie beyond the one that a resume starts from, relative to the run directory.

    Args:
        layout: The files of the run.
        start: The one that it starts from; None from the beginning.
        patterns: As for ``find``.
    """
    paths = [one.path for one in find(layout.root, patterns)]
    later = paths[paths.index(start) + 1 :] if start in paths else paths
    return tuple(os.path.relpath(path, layout.root) for path in later)


def superseded_now(run: Run, layout: RunLayout) -> frozenset[Path]:
    """The checkpoints that are superseded now: not those that a later resume started from all the same."""
    since: dict[Path, datetime] = {}
    for attempt in run.attempts:
        since |= {layout.root / name: attempt.started_at for name in attempt.superseded}
        if attempt.checkpoint is not None:
            since.pop(layout.root / attempt.checkpoint, None)
    return frozenset(path for path, at in since.items() if (saved := files.saved_at(path)) is None or saved < at)
