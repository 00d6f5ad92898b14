"""Save checkpoints named by epoch and step, link the best one, and remove old ones."""

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
    """Save the state to a temporary directory, seal it, and rename it on one rank; every rank calls this.

    Args:
        session: The attempt.
        accelerator: The ``Accelerator``.
        epoch: The epoch, for the name.
        step: The step, for the name.
        metrics: The metrics that select the best checkpoint.
        is_hooked: Whether ``save_state`` is hooked, and so seals the checkpoint itself.

    Returns:
        The path of the checkpoint.

    Raises:
        OSError: The checkpoint can't be written.
    """
    final = session.layout.root / f"checkpoint-epoch{epoch}-step{step}"
    RANK.check(final)
    temporary = aside(final)
    if accelerator.is_main_process:
        shutil.rmtree(temporary, ignore_errors=True)  # left by a process that was killed
        temporary.mkdir(parents=True)
    accelerator.wait_for_everyone()
    RANK.progress.steps, RANK.progress.epoch = {"": step}, epoch
    RANK.progress.metrics.update({name: float(value) for name, value in metrics.items()})
    configuration = accelerator.project_configuration
    is_automatic, configuration.automatic_checkpoint_naming = configuration.automatic_checkpoint_naming, False
    try:
        sealing = None if is_hooked else Saving(session, RANK.progress).steps(accelerator, str(temporary))
        if sealing is not None:
            next(sealing)
        accelerator.save_state(str(temporary))
        if sealing is not None:
            next(sealing, None)
    finally:
        configuration.automatic_checkpoint_naming = is_automatic
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        _publish(temporary, final)
    accelerator.wait_for_everyone()
    return final


def _publish(temporary: Path, final: Path) -> None:
    """Rename a checkpoint to its final name; an older checkpoint with that name is replaced."""
    old = final.with_name(f".{final.name}.replaced")
    if final.exists():
        shutil.rmtree(old, ignore_errors=True)
        final.rename(old)
    temporary.rename(final)
    sync(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def keep_best_and_newest(session: Session, limit: int | None, metric: Metric | None) -> None:
    """Link ``best_checkpoint`` to the best checkpoint, and remove the oldest ones beyond the limit.

    Args:
        session: The attempt.
        limit: How many of the newest checkpoints to keep; None for all.
        metric: The metric that selects the best checkpoint.
    """
    root = session.layout.root
    found = [one for one in find(root) if one.path.parent == root and _NAME.fullmatch(one.path.name)]
    superseded = _superseded(session)
    counted = [one for one in found if one.path not in superseded]
    if metric is not None:
        chosen = best_of(with_manifests(counted), metric.name, greater_is_better=metric.greater_is_better)
        if chosen is not None:
            best.point(session.layout.best, chosen.path)
    target = best.target(session.layout.best)
    if limit is not None and with_manifests(counted[-1:]):  # remove nothing if the newest one is not complete
        for old in to_remove(counted, limit, {target} if target else set()):
            remove(old.path)


def _superseded(session: Session) -> frozenset[Path]:
    if not os.path.exists(session.layout.record):
        return frozenset()
    try:
        return superseded_now(record_file.read(session.layout.record), session.layout)
    except DamagedRunError:
        return frozenset()
