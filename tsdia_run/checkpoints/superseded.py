"""Checkpoints superseded by a resume from an earlier one: kept, shown as such, never chosen automatically.

A resume records the checkpoints after the one that it starts from. If a script later saves one of them again under the
same name, that is a new checkpoint.
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
    """Return the checkpoints after the one that a resume starts from, relative to the run directory.

    Args:
        layout: The files of the run.
        start: The checkpoint that it starts from; None for the beginning.
        patterns: As for ``find``.
    """
    paths = [one.path for one in find(layout.root, patterns)]
    later = paths[paths.index(start) + 1 :] if start in paths else paths
    return tuple(os.path.relpath(path, layout.root) for path in later)


def superseded_now(run: Run, layout: RunLayout) -> frozenset[Path]:
    """Return the checkpoints that are superseded now, without those that a later resume started from."""
    since: dict[Path, datetime] = {}
    for attempt in run.attempts:
        since |= {layout.root / name: attempt.started_at for name in attempt.superseded}
        if attempt.checkpoint is not None:
            since.pop(layout.root / attempt.checkpoint, None)
    return frozenset(path for path, at in since.items() if (saved := files.saved_at(path)) is None or saved < at)
