"""Remove old checkpoints by ``ProjectConfiguration.total_limit``, once the new checkpoint is complete."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.checkpoints import Checkpoint, best, manifest, parse_name
from tsdia_run.checkpoints.retention import best_of, to_remove
from tsdia_run.errors import DamagedRunError, TsdiaRunError
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.training.boot.attempt_files import say
from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks.session import Session

_AUTOMATIC = re.compile(r"checkpoint_\d+")
# The name contains a number: without one, Accelerate would fail.
_REMOVING = re.compile(r"\.checkpoint_\d+\.removing")
_PLACES = (("training", "checkpoint"), ("training", "validation"), ("checkpoint",), ("validation",))


@dataclass(frozen=True)
class Metric:
    """The metric that selects the best checkpoint."""

    name: str
    greater_is_better: bool


def prune(newest: Path, limit: int, session: Session) -> None:
    """Remove the oldest checkpoints that Accelerate named automatically.

    Args:
        newest: The checkpoint that was just sealed.
        limit: How many checkpoints to keep.
        session: The attempt, for its run's best checkpoint.
    """
    folder = newest.parent
    there = _named_by_accelerate(folder)
    for checkpoint in to_remove(there, limit, _kept(newest, there, session)):
        remove(checkpoint.path)
    for name in os.listdir(folder):
        # Left by a process that was killed while it removed a checkpoint.
        if _REMOVING.fullmatch(name):
            shutil.rmtree(folder / name, ignore_errors=True)


def _named_by_accelerate(folder: Path) -> list[Checkpoint]:
    named = [parse_name(folder / name) for name in os.listdir(folder) if _AUTOMATIC.fullmatch(name)]
    found = [checkpoint for checkpoint in named if checkpoint]
    return sorted(found, key=lambda checkpoint: checkpoint.iteration or 0)


def _kept(newest: Path, there: Sequence[Checkpoint], session: Session) -> set[Path]:
    """Return the new one, the target of ``best_checkpoint``, and the best by the metric of the config."""
    links = {session.layout.best, RunLayout(newest.parent.parent).best}
    targets = {os.path.realpath(target) for target in map(best.target, links) if target}
    kept = {checkpoint.path for checkpoint in there if os.path.realpath(checkpoint.path) in targets}
    metric = _metric(session)
    chosen = best_of(with_manifests(there), metric.name, greater_is_better=metric.greater_is_better) if metric else None
    return kept | {newest} | ({chosen.path} if chosen else set())


def with_manifests(there: Sequence[Checkpoint]) -> list[tuple[Checkpoint, manifest.Manifest]]:
    """Return the sealed checkpoints with their manifests."""
    found = []
    for checkpoint in there:
        try:
            written = manifest.read(checkpoint.path)
        except DamagedRunError:
            continue
        if written:
            found.append((checkpoint, written))
    return found


def _metric(session: Session) -> Metric | None:
    if session.config is None:
        return None
    from tsdia_run import config  # loads the YAML parser: 40 ms, and few trainings prune

    try:
        values = config.read(session.config).plain()
    except TsdiaRunError:  # a config that only the script can read
        return None
    return metric_in(values)


def metric_in(values: object) -> Metric | None:
    """Return ``metric_for_best_model`` and ``greater_is_better`` of a config, from the sections that TS-DIA uses.

    The default of ``greater_is_better`` is that of transformers: false for a loss, otherwise true.
    """
    for place in _PLACES:
        section: object = values
        for key in place:
            section = section.get(key) if isinstance(section, Mapping) else None
        name = section.get("metric_for_best_model") if isinstance(section, Mapping) else None
        if isinstance(section, Mapping) and isinstance(name, str):
            greater = section.get("greater_is_better")
            return Metric(name, greater if isinstance(greater, bool) else not name.endswith("loss"))
    return None


def remove(checkpoint: Path) -> None:
    """Rename a checkpoint, then remove it: half a checkpoint must not keep the name of a checkpoint."""
    if RANK.is_kept(checkpoint):
        say(f"warning: the old checkpoint {checkpoint} is kept: the script did not read the one to resume from")
        return
    removing = checkpoint.with_name(f".{checkpoint.name}.removing")
    try:
        checkpoint.rename(removing)
        shutil.rmtree(removing)
    except FileNotFoundError:  # another rank has removed it
        return
    except OSError as error:
        say(f"warning: the old checkpoint {checkpoint} could not be removed: {error.strerror}")
