"""What a resume from an older checkpoint went back behind: kept, shown as such, never chosen by itself.

The resume itself writes down which checkpoints were beyond the one that it started from. One that is saved again under
the same name afterwards is a new one.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

from tsdia_run.rundir.checkpoints import find
from tsdia_run.rundir.layout import CheckpointLayout, RunLayout
from tsdia_run.rundir.record import Run


def beyond(layout: RunLayout, start: Path | None) -> tuple[str, ...]:
    """The checkpoints that lie beyond the one that a resume starts from, relative to the run directory.

    Args:
        layout: The files of the run.
        start: The one that it starts from; None from the beginning.
    """
    paths = [one.path for one in find(layout.root)]
    later = paths[paths.index(start) + 1 :] if start in paths else paths
    return tuple(os.path.relpath(path, layout.root) for path in later)


def superseded(run: Run, layout: RunLayout) -> frozenset[Path]:
    """The checkpoints that are superseded now."""
    return frozenset(
        path
        for attempt in run.attempts
        for path in (layout.root / name for name in attempt.superseded)
        if (saved := saved_at(path)) is None or saved < attempt.started_at
    )


def saved_at(checkpoint: Path) -> datetime | None:
    """When the newest file of a checkpoint was written; None where there is none."""
    try:
        with os.scandir(checkpoint) as entries:
            # Our own files, the hashes above all, may be younger than what was saved.
            times = [one.stat().st_mtime for one in entries if not CheckpointLayout.is_ours(one.name)]
    except OSError:
        return None
    return datetime.fromtimestamp(max(times), tz=timezone.utc) if times else None
