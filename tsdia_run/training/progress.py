"""How far the training is, as far as it told: for the manifests of its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Enough for every metric that anybody chooses a checkpoint by.
_MAX_METRICS = 100


@dataclass
class Progress:
    """What was told last.

    Attributes:
        step: The step.
        epoch: The epoch.
        metrics: The latest logged plain numbers. Tensors are left out: looking at one may wait for the device.
    """

    step: int | None = None
    epoch: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)

    def logged(self, values: Mapping[str, object], step: object = None) -> None:
        """Take note of what ``Accelerator.log`` got."""
        if isinstance(step, int):
            self.step = step
        for name, value in values.items():
            if isinstance(value, (int, float)) and (name in self.metrics or len(self.metrics) < _MAX_METRICS):
                self.metrics[name] = value
        epoch = values.get("epoch")
        if isinstance(epoch, (int, float)) and epoch == epoch // 1:
            self.epoch = int(epoch)


# One training a process.
PROGRESS = Progress()
