"""How far the training is, as far as it told: for the manifests of its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Enough for every metric that anybody chooses a checkpoint by.
_MAX_METRICS = 100
_PLAIN = frozenset({int, float})


@dataclass
class Progress:
    """What was told last.

    Attributes:
        steps: The step of each kind of line, by the first metric in it: some are logged per step, others per epoch.
        epoch: The epoch.
        metrics: The latest logged plain numbers. Tensors are left out: looking at one may wait for the device.
    """

    steps: dict[str, int] = field(default_factory=dict)
    epoch: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def step(self) -> int | None:
        """The step of the training: of several counts, the one that is ahead, since epochs have many steps."""
        return max(self.steps.values(), default=None)

    def logged(self, values: Mapping[str, object], step: object = None) -> None:
        """Take note of what ``Accelerator.log`` got."""
        if isinstance(step, int):
            first = str(next(iter(values), ""))
            if first in self.steps or len(self.steps) < _MAX_METRICS:
                self.steps[first] = step
        epoch = values.get("epoch")
        if isinstance(epoch, (int, float)) and epoch == epoch // 1:
            self.epoch = int(epoch)
        if len(values) + len(self.metrics) <= _MAX_METRICS and _PLAIN.issuperset(map(type, values.values())):
            self.metrics.update(values)  # type: ignore[arg-type]  # all of them are numbers
            return
        for name, value in values.items():
            if isinstance(value, (int, float)) and (name in self.metrics or len(self.metrics) < _MAX_METRICS):
                self.metrics[name] = value


# One training a process.
PROGRESS = Progress()
