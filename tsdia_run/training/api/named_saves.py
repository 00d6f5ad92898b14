"""Checkpoints named by epoch and step: written aside, sealed, renamed by one rank; the best is linked, old ones go."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tsdia_run.checkpoints import aside, best, find
from tsdia_run.checkpoints.files import sync
from tsdia_run.checkpoints.retention import best_of, to_remove
from tsdia_run.checkpoints.superseded import superseded_now
from tsdia_run.errors import DamagedRunError
from tsdia_run.rundir import record_file
from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks.pruning import Metric, remove, with_manifests
from tsdia_run.training.hooks.save_state import Saving
from tsdia_run.training.hooks.session import Session

_NAME = re.compile(r"checkpoint-epoch\d+-step\d+")


def save(
    session: Session, accelerator: Any, *, epoch: int, step: int, metrics: Mapping[str, float], is_hooked: bool
) -> Path:
    """Save the state; every rank calls this.

    Args:
        session: The attempt.
        accelerator: The ``Accelerator``.
        epoch: The epoch, as it is to stand in the name.
        step: The step, likewise.
        metrics: What the checkpoint is compared by.
        is_hooked: Whether ``save_state`` seals what it writes already.

    Returns:
        The checkpoint.

    Raises:
        OSError: The file system refused.
    """
    final = session.layout.root / f"checkpoint-epoch{epoch}-step{step}"
    RANK.check(final)
    beside = aside(final)
    if accelerator.is_main_process:
        shutil.rmtree(beside, ignore_errors=True)  # of a process that was killed
        beside.mkdir(parents=True)
    accelerator.wait_for_everyone()
    RANK.progress.steps, RANK.progress.epoch = {"": step}, epoch
    RANK.progress.metrics.update({name: float(value) for name, value in metrics.items()})
    configuration = accelerator.project_configuration
    is_automatic, configuration.automatic_checkpoint_naming = configuration.automatic_checkpoint_naming, False
    try:
        sealing = None if is_hooked else Saving(session, RANK.progress).steps(accelerator, str(beside))
        if sealing is not None:
            next(sealing)
        accelerator.save_state(str(beside))
        if sealing is not None:
            next(sealing, None)
    finally:
        configuration.automatic_checkpoint_naming = is_automatic
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        _publish(beside, final)
    accelerator.wait_for_everyone()
    return final


def _publish(beside: Path, final: Path) -> None:
    """Give it its name; what had that name before gives way in one step."""
    old = final.with_name(f".{final.name}.replaced")
    if final.exists():
        shutil.rmtree(old, ignore_errors=True)
        final.rename(old)
    beside.rename(final)
    sync(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def keep_best_and_newest(session: Session, limit: int | None, metric: Metric | None) -> None:
    """Let ``best_checkpoint`` lead to the best one, and remove the oldest beyond the limit.

    Args:
        session: The attempt.
        limit: How many of the newest stay; None for all.
        metric: What makes one the best.
    """
    root = session.layout.root
    there = [one for one in find(root) if one.path.parent == root and _NAME.fullmatch(one.path.name)]
    behind = _superseded(session)
    counted = [one for one in there if one.path not in behind]
    if metric is not None:
        chosen = best_of(with_manifests(counted), metric.name, greater_is_better=metric.greater_is_better)
        if chosen is not None:
            best.point(session.layout.best, chosen.path)
    target = best.target(session.layout.best)
    if limit is not None and with_manifests(counted[-1:]):  # nothing goes for one that is not complete
        for old in to_remove(counted, limit, {target} if target else set()):
            remove(old.path)


def _superseded(session: Session) -> frozenset[Path]:
    if not os.path.exists(session.layout.record):
        return frozenset()
    try:
        return superseded_now(record_file.read(session.layout.record), session.layout)
    except DamagedRunError:
        return frozenset()
