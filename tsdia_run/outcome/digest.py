"""What a list of runs tells of one, measured when it ended and kept in its record: a list then reads records alone."""

from __future__ import annotations

import os

from tsdia_run import checkpoints
from tsdia_run.rundir import summary_file
from tsdia_run.rundir.headline import headline
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Digest

# A data set in a run directory is not walked to its end.
_MAX_ENTRIES = 20_000


def measure(layout: RunLayout, wandb_id: str | None) -> Digest:
    """Look at what is there. Never raises: what can't be read is not counted.

    Args:
        layout: The files of the run.
        wandb_id: The id that its W&B run has, if it has one.
    """
    found = checkpoints.find(layout.root)
    summary = summary_file.read_summary(layout)
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
        # Unlike Path.exists, these take a directory that may not be entered for an empty one.
        wandb_id=wandb_id if os.path.exists(layout.wandb_info) or os.path.isdir(layout.root / "wandb") else None,
    )


def size_bytes(layout: RunLayout) -> int:
    """The size of all files of a run, as far as they can be counted quickly."""
    total = entries = 0
    for folder, _, names in os.walk(layout.root):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
        entries += len(names)
        if entries > _MAX_ENTRIES:
            break
    return total
