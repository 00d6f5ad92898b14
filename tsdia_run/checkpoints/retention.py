"""Choose the checkpoints to remove, and the best one (pure)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from tsdia_run.checkpoints.finding import Checkpoint
from tsdia_run.checkpoints.manifest import Manifest


def to_remove(checkpoints: Sequence[Checkpoint], limit: int, keep: Collection[Path]) -> tuple[Checkpoint, ...]:
    """Return the checkpoints to remove, so that the newest ``limit`` remain.

    Args:
        checkpoints: All checkpoints that count, the oldest first.
        limit: How many to keep; the newest one is always kept.
        keep: Older checkpoints to keep in addition to the newest: the best one, the last complete one.
    """
    older = checkpoints[: -max(1, limit)]
    return tuple(checkpoint for checkpoint in older if checkpoint.path not in keep)


def best_of(
    checkpoints: Sequence[tuple[Checkpoint, Manifest]], metric: str, *, greater_is_better: bool
) -> Checkpoint | None:
    """Return the first checkpoint with the best value of a metric; None if no checkpoint has the metric."""
    sign = 1 if greater_is_better else -1
    measured = [
        (sign * manifest.metrics[metric], -position)
        for position, (_, manifest) in enumerate(checkpoints)
        if manifest.metrics and metric in manifest.metrics
    ]
    return checkpoints[-max(measured)[1]][0] if measured else None
