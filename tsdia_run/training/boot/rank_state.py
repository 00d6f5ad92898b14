"""The state of this process as a rank: the only object of ``training/`` that changes.

The bootstrap, the hooks and the API share it.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing or collections would delay each start by milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from typing import Any

    from tsdia_run.training.boot.overwriting import OverwriteGuard

# Enough for every metric that may select the best checkpoint.
_MAX_METRICS = 100


class LoggedProgress:
    """The logged progress of the training, for the manifests of its checkpoints and for the exit record.

    Attributes:
        steps: The step of each kind of line, by its first metric: some are logged per step, others per epoch.
        epoch: The epoch.
        metrics: The latest logged numbers. Tensors are omitted: reading one may wait for the device.
    """

    def __init__(self) -> None:
        self.steps: dict[str, int] = {}
        self.epoch: int | None = None
        self.metrics: dict[str, float] = {}

    @property
    def step(self) -> int | None:
        """The step of the training: the largest of several counts, because an epoch has many steps."""
        return max(self.steps.values(), default=None)

    def logged(self, values: Mapping[str, object], step: object = None) -> None:
        """Record the values of a call that logs: numbers, and others."""
        self._note_place(values, step)
        for name, value in values.items():
            if isinstance(value, (int, float)) and (name in self.metrics or len(self.metrics) < _MAX_METRICS):
                self.metrics[name] = value

    def logged_numbers(self, values: Mapping[str, float], step: int | None) -> None:
        """Record the values of a call that logs: numbers only, in less time."""
        if len(values) + len(self.metrics) > _MAX_METRICS:
            self.logged(values, step)
            return
        self._note_place(values, step)
        self.metrics.update(values)

    def _note_place(self, values: Mapping[str, object], step: object) -> None:
        if isinstance(step, int):
            first = str(next(iter(values), ""))
            if first in self.steps or len(self.steps) < _MAX_METRICS:
                self.steps[first] = step
        epoch = values.get("epoch")
        if isinstance(epoch, (int, float)) and epoch == epoch // 1:
            self.epoch = int(epoch)


class RankState:
    """The state of one process.

    Attributes:
        progress: How far the training is.
        guard: Protects the checkpoints of a resumed run; None if no checkpoint needs protection.
        hooked: The names of the installed hooks.
        warned: The names of the hooks whose failure was reported.
        unsealed: The directories that this process saved and could not seal, by device and inode.
        is_accelerates_turn: Whether Accelerate is creating its trackers and passes them the config.
        configured_runs: The ids of the W&B runs that have the config.
        shared: The objects that the hooks of several libraries share, by their class.
        forwarding: The threads inside a call that forwards values to another library, and the depth of these calls.
    """

    def __init__(self) -> None:
        self.progress = LoggedProgress()
        self.guard: OverwriteGuard | None = None
        self.hooked: set[str] = set()
        self.warned: set[str] = set()
        self.unsealed: set[tuple[int, int]] = set()
        self.is_accelerates_turn = False
        self.configured_runs: set[str] = set()
        self.shared: dict[type, Any] = {}
        self.forwarding: dict[int, int] = {}

    def check(self, checkpoint: PathLike[str]) -> None:
        """Raise before a checkpoint is written, if that is not allowed.

        Raises:
            CheckpointNotReadError: It would overwrite a protected one, and the script did not read its checkpoint.
        """
        if self.guard is not None:
            self.guard.check(str(checkpoint))

    def is_kept(self, checkpoint: PathLike[str]) -> bool:
        """Return whether a checkpoint must not be removed now."""
        return self.guard is not None and self.guard.is_kept(str(checkpoint))

    def loaded(self, checkpoint: PathLike[str]) -> None:
        """Record that ``load_state`` has loaded a checkpoint."""
        if self.guard is not None:
            self.guard.loaded(str(checkpoint))


RANK = RankState()
