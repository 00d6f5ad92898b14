"""Read trainer_state.json of transformers' Trainer: the best checkpoint, and what was logged until each one.

The Trainer writes it into each checkpoint. The newest one names the best checkpoint and has the whole log history.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.checkpoints.naming import Checkpoint
from tsdia_run.checkpoints.structure import TRAINER_STATE
from tsdia_run.files.fields import Fields, read_object

_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class TrainerState:
    """The state of a Trainer.

    Attributes:
        best: The best checkpoint; None if the Trainer chose none, or if it does not exist.
        best_metric: The value by which the Trainer chose it.
        history: The entries of the log history: the step, and the numbers by name.
    """

    best: Path | None = None
    best_metric: float | None = None
    history: tuple[tuple[int, dict[str, float]], ...] = ()

    def value_at(self, metric: str, step: int | None) -> float | None:
        """Return the newest value of a metric that was logged until a step; None if there is none."""
        if step is None:
            return None
        values = [numbers[metric] for at, numbers in self.history if at <= step and metric in numbers]
        return values[-1] if values else None


def newest(found: Sequence[Checkpoint]) -> TrainerState:
    """Return the state in the newest checkpoint that has one; an empty state if none has.

    Args:
        found: The checkpoints that count, the oldest first.
    """
    for one in reversed(found):
        data = read_object(one.path / TRAINER_STATE, _MAX_BYTES)
        if data:
            return _parse(Fields(data, TRAINER_STATE), data.get("log_history"), one.path.parent, found)
    return TrainerState()


def _parse(fields: Fields, history: object, folder: Path, found: Sequence[Checkpoint]) -> TrainerState:
    # The path is that of the time when it was saved: the run may have moved since.
    name = Path(fields.lenient("best_model_checkpoint", str) or "").name
    best = next((one.path for one in found if one.path == folder / name), None)
    metric = fields.lenient("best_metric", float) or fields.lenient("best_metric", int)
    entries = [_numbers(one) for one in history if isinstance(one, dict)] if isinstance(history, list) else []
    steps = [(int(one.pop("step", 0)), one) for one in entries]
    return TrainerState(best, None if best is None else metric, tuple(steps))


def _numbers(entry: dict[object, object]) -> dict[str, float]:
    """Return the finite numbers of an entry by name: NaN and infinities are never the value of a checkpoint."""
    return {
        str(name): float(value)
        for name, value in entry.items()
        if isinstance(value, (int, float)) and math.isfinite(value)
    }
