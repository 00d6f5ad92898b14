"""Describe the checkpoints of a run: which are complete, superseded, and the best."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tsdia_run import checkpoints
from tsdia_run.checkpoints import Checkpoint, Manifest, Soundness, best, files, trainer_state
from tsdia_run.checkpoints.superseded import superseded_now
from tsdia_run.report.status import RunStatus

# Called with a checkpoint, the number of bytes hashed so far, and its total number of bytes.
OnVerify = Callable[[Path, int, int], None]


@dataclass(frozen=True)
class CheckpointInfo:
    """One checkpoint.

    Attributes:
        name: Relative to the run directory.
        step: Its step.
        epoch: Its epoch.
        metric: The value of the run's main metric when it was saved.
        best_metric: The value by which transformers' Trainer chose it as the best one; None for others.
        size_bytes: The size of its files.
        saved_at: When it was saved.
        soundness: Whether it is complete, incomplete, damaged or unverified.
        reason: The reason for ``soundness``.
        is_hashed: Whether its contents were compared with their hashes.
        is_best: Whether ``best_checkpoint`` leads to it, or else transformers' Trainer chose it.
        is_superseded: Whether it is superseded by a resume from an earlier checkpoint.
    """

    name: str
    step: int | None
    epoch: int | None
    metric: float | None
    best_metric: float | None
    size_bytes: int
    saved_at: datetime | None
    soundness: Soundness
    reason: str
    is_hashed: bool
    is_best: bool
    is_superseded: bool

    @property
    def is_unusable(self) -> bool:
        """Whether it can't be used."""
        return self.soundness in (Soundness.INCOMPLETE, Soundness.DAMAGED)


class CheckpointLook:
    """Looks at the checkpoints of a run.

    Args:
        status: The status of the run.
        found: Its checkpoints, the oldest first.
        metric: The name of its main metric.
        verify: If given, every checkpoint is read completely and compared with its hashes; called with the progress.
    """

    def __init__(
        self, status: RunStatus, found: Sequence[Checkpoint], metric: str | None, verify: OnVerify | None
    ) -> None:
        self._root = status.layout.root
        self._metric = metric
        self._verify = verify
        self._superseded = superseded_now(status.run, status.layout) if status.run else frozenset()
        self._trainer = trainer_state.newest([one for one in found if one.path not in self._superseded])
        target = best.target(status.layout.best) or self._trainer.best
        self._best = os.path.realpath(target) if target is not None else None

    def chosen(self, found: Sequence[Checkpoint], newest: int | None) -> list[Checkpoint]:
        """Return the newest ones, and the best one."""
        first = 0 if newest is None else max(0, len(found) - newest)
        return [one for index, one in enumerate(found) if index >= first or self._is_best(one)]

    def _is_best(self, one: Checkpoint) -> bool:
        return self._best is not None and os.path.realpath(one.path) == self._best

    def at(self, one: Checkpoint) -> CheckpointInfo:
        """Return what is known about one checkpoint."""
        path, verify = one.path, self._verify
        if verify is None:
            verdict = checkpoints.judge(path)
        else:
            verdict = checkpoints.judge(path, hashed=True, on_progress=lambda done, total: verify(path, done, total))
        written = verdict.manifest
        return CheckpointInfo(
            name=os.path.relpath(path, self._root),
            step=one.step,
            epoch=one.epoch,
            metric=self._metric_of(one, written),
            best_metric=self._trainer.best_metric if path == self._trainer.best else None,
            size_bytes=written.size_bytes if written and verdict.is_usable else files.size_bytes(path),
            saved_at=written.saved_at if written else files.saved_at(path),
            soundness=verdict.state,
            reason=verdict.reason,
            is_hashed=verdict.is_hashed,
            is_best=self._is_best(one),
            is_superseded=path in self._superseded,
        )

    def _metric_of(self, one: Checkpoint, written: Manifest | None) -> float | None:
        if self._metric is None:
            return None
        saved = (written.metrics or {}).get(self._metric) if written else None
        return self._trainer.value_at(self._metric, one.step) if saved is None else saved
