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
from tsdia_run.checkpoints.trainer_state import TrainerState
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


@dataclass(frozen=True)
class _Marks:
    """What marks some of the checkpoints: the superseded ones, the best one, and the state of transformers' Trainer."""

    superseded: frozenset[Path]
    best: Path | None
    trainer: TrainerState


def gather_checkpoints(
    status: RunStatus, found: Sequence[Checkpoint], metric: str | None, verify: OnVerify | None
) -> tuple[CheckpointInfo, ...]:
    """Return the checkpoints of a run, in their order.

    Args:
        status: The status of the run.
        found: Its checkpoints, the oldest first.
        metric: The name of its main metric.
        verify: If given, every checkpoint is read completely and compared with its hashes; called with the progress.
    """
    root = status.layout.root
    behind = superseded_now(status.run, status.layout) if status.run else frozenset()
    trainer = trainer_state.newest([one for one in found if one.path not in behind])
    linked = best.target(status.layout.best)
    marks = _Marks(behind, linked or trainer.best, trainer)
    return tuple(_checkpoint(root, one, metric, verify, marks) for one in found)


def _checkpoint(
    root: Path,
    one: Checkpoint,
    metric: str | None,
    verify: OnVerify | None,
    marks: _Marks,
) -> CheckpointInfo:
    path = one.path
    if verify is None:
        verdict = checkpoints.judge(path)
    else:
        verdict = checkpoints.judge(path, hashed=True, on_progress=lambda done, total: verify(path, done, total))
    written = verdict.manifest
    return CheckpointInfo(
        name=os.path.relpath(path, root),
        step=one.step,
        epoch=one.epoch,
        metric=_metric_of(one, written, metric, marks.trainer) if metric else None,
        best_metric=marks.trainer.best_metric if path == marks.trainer.best else None,
        size_bytes=written.size_bytes if written and verdict.is_usable else files.size_bytes(path),
        saved_at=written.saved_at if written else files.saved_at(path),
        soundness=verdict.state,
        reason=verdict.reason,
        is_hashed=verdict.is_hashed,
        is_best=marks.best is not None and os.path.realpath(path) == os.path.realpath(marks.best),
        is_superseded=path in marks.superseded,
    )


def _metric_of(one: Checkpoint, written: Manifest | None, metric: str, trainer: TrainerState) -> float | None:
    saved = (written.metrics or {}).get(metric) if written else None
    return trainer.value_at(metric, one.step) if saved is None else saved
