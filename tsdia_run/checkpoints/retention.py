"""Which checkpoints may go, and which is the best (pure)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from tsdia_run.checkpoints.finding import Checkpoint
from tsdia_run.checkpoints.manifest import Manifest


def to_remove(checkpoints: Sequence[Checkpoint], limit: int, keep: Collection[Path]) -> tuple[Checkpoint, ...]:
    """What must go so that the newest ``limit`` checkpoints stay.

    Args:
        checkpoints: All that count, the oldest first.
        limit: How many stay; the newest one always does.
        keep: Stay although they are older, and take no place of the newest: the best one, the last whole one.
    """
    older = checkpoints[: -max(1, limit)]
    return tuple(checkpoint for checkpoint in older if checkpoint.path not in keep)


def best_of(
    checkpoints: Sequence[tuple[Checkpoint, Manifest]], metric: str, *, greater_is_better: bool
) -> Checkpoint | None:
    """The checkpoint with the best value of a metric; of equal ones the first, and None where none has it."""
    sign = 1 if greater_is_better else -1
    measured = [
        (sign * manifest.metrics[metric], -position)
        for position, (_, manifest) in enumerate(checkpoints)
        if manifest.metrics and metric in manifest.metrics
    ]
    return checkpoints[-max(measured)[1]][0] if measured else None
