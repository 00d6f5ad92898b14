"""Measure what `list` shows of a run when the run ends; its record keeps the values, so `list` only reads records."""

from __future__ import annotations

import os

from tsdia_run import checkpoints
from tsdia_run.rundir.headline import headline
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.metrics_summary import Summary
from tsdia_run.rundir.record import Digest

# Do not walk all of a data set in the run directory.
_MAX_ENTRIES = 20_000


def measure(layout: RunLayout, wandb_id: str | None, summary: Summary | None) -> Digest:
    """Measure a run. Never raises: files that can't be read are not counted.

    Args:
        layout: The files of the run.
        wandb_id: The id of its W&B run; None if it has none.
        summary: Its metrics; None without metrics.
    """
    found = checkpoints.find(layout.root)
    step = summary.last_step if summary else None
    if step is None:
        step = max((checkpoint.step for checkpoint in found if checkpoint.step is not None), default=None)
    first = headline(summary.series) if summary else None
    return Digest(
        step=step,
        metric=first.name if first else None,
        best=first.best.value if first else None,
        best_step=first.best.step if first else None,
        checkpoints=len(found),
        size_bytes=size_bytes(layout),
        # Unlike Path.exists, these do not raise for a directory without permission.
        wandb_id=wandb_id if os.path.exists(layout.wandb_info) or os.path.isdir(layout.root / "wandb") else None,
    )


def size_bytes(layout: RunLayout) -> int:
    """Return the size of all files of a run, or of its first files if there are very many.

    The reserve does not count: it exists only while the run is running.
    """
    total, entries = -_size(layout.reserve), 0
    for folder, _, names in os.walk(layout.root):
        for name in names:
            total += _size(os.path.join(folder, name))
        entries += len(names)
        if entries > _MAX_ENTRIES:
            break
    return max(total, 0)


def _size(path: str | os.PathLike[str]) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0
