"""Checkpoints in a run directory: found by their names and by Accelerate's state in them, ordered by their steps.

Names in use: ``checkpoint-epochE-stepS`` (TS-DIA and the quickstart), ``checkpoint-N`` (diffusers, transformers),
``epoch_N`` and ``step_N`` (Accelerate's examples), ``checkpoints/checkpoint_N`` (Accelerate's automatic naming).
A name that starts with a dot is of something that is being written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tsdia_run.errors import DamagedRunError
from tsdia_run.rundir.checkpoints import manifest
from tsdia_run.rundir.layout import OWN_NAMES

_NAMES = (
    re.compile(r"checkpoint-epoch(?P<epoch>\d+)-step(?P<step>\d+)"),
    re.compile(r"checkpoint-(?P<step>\d+)"),
    re.compile(r"step_(?P<step>\d+)"),
    re.compile(r"epoch_(?P<epoch>\d+)"),
    re.compile(r"checkpoint_(?P<iteration>\d+)"),
)
# One of these is in every directory that save_state finished or began: weights, or the random states of a rank.
_STATE_FILE = re.compile(r"(pytorch_)?model.*\.(safetensors|bin)|random_states_\d+\.pkl")
_ASIDE_SUFFIX = ".saving"
# RUN_DIR/checkpoints/checkpoint_N, or RUN_DIR/SCRIPT_DIR/checkpoints/checkpoint_N.
_MAX_DEPTH = 2
_WITHOUT_CHECKPOINTS = OWN_NAMES | {"wandb", "tensorboard"}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint directory.

    Attributes:
        path: The directory.
        step: The optimizer or global step in its name, else in its manifest, as far as known.
        epoch: The epoch in its name, else in its manifest, as far as known.
        iteration: The save number of Accelerate's automatic naming, if the name has one.
    """

    path: Path
    step: int | None = None
    epoch: int | None = None
    iteration: int | None = None


@dataclass(frozen=True)
class Found:
    """A directory, as its name announces it, and what its manifest knows beyond.

    Attributes:
        named: What the name says.
        step: The step in the manifest, where the name has none.
        epoch: The epoch in the manifest, where the name has none.
    """

    named: Checkpoint
    step: int | None = None
    epoch: int | None = None

    @property
    def family(self) -> tuple[Path, bool, bool, bool]:
        """Checkpoints that were named by one rule, in one place."""
        named = self.named
        return (named.path.parent, named.step is not None, named.epoch is not None, named.iteration is not None)

    @property
    def number(self) -> tuple[int, ...]:
        """The order within the family."""
        named = self.named
        return tuple(-1 if value is None else value for value in (named.step, named.epoch, named.iteration))

    @property
    def checkpoint(self) -> Checkpoint:
        """All that is known."""
        named = self.named
        step = self.step if named.step is None else named.step
        return replace(named, step=step, epoch=self.epoch if named.epoch is None else named.epoch)


def in_order(found: Iterable[Found]) -> tuple[Checkpoint, ...]:
    """The oldest first (pure).

    By the steps in their names. A family without steps in its names keeps the order of its numbers, whatever steps were
    logged, and stands among the others where its manifests say.
    """
    families: dict[tuple[Path, bool, bool, bool], list[Found]] = {}
    for one in found:
        families.setdefault(one.family, []).append(one)
    placed: list[tuple[int, tuple[int, ...], str, Checkpoint]] = []
    for members in families.values():
        reached = -1
        for one in sorted(members, key=lambda one: (one.number, _logged(one), one.named.path.name)):
            reached = max(reached, _logged(one)) if one.named.step is None else one.named.step
            placed.append((reached, one.number[1:], one.named.path.name, one.checkpoint))
    return tuple(checkpoint for *_, checkpoint in sorted(placed, key=lambda entry: entry[:-1]))


def _logged(found: Found) -> int:
    return -1 if found.step is None else found.step


def parse_name(path: Path) -> Checkpoint | None:
    """The checkpoint that a directory's name announces; None for other names."""
    for pattern in _NAMES:
        match = pattern.fullmatch(path.name)
        if match:
            return Checkpoint(path, **{key: int(value) for key, value in match.groupdict().items()})
    return None


def find(run_dir: Path) -> tuple[Checkpoint, ...]:
    """The checkpoints of a run, the oldest first, down to two folders below ``run_dir``.

    Links (``best_checkpoint``) are not checkpoints of their own. A directory with a free name counts when Accelerate's
    state is in it. What can't be read is passed over.
    """
    return in_order(_find(run_dir, _MAX_DEPTH))


def _find(folder: Path, depth: int) -> list[Found]:
    found = []
    for path in _directories(folder):
        checkpoint = parse_name(path) or (Checkpoint(path) if has_state(path) else None)
        if checkpoint:
            found.append(_with_manifest(checkpoint))
        elif depth and path.name not in _WITHOUT_CHECKPOINTS:
            found += _find(path, depth - 1)
    return found


def _with_manifest(named: Checkpoint) -> Found:
    try:
        written = manifest.read(named.path) if named.step is None else None
    except DamagedRunError:
        written = None
    return Found(named, written.step, written.epoch) if written else Found(named)


def _directories(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [folder / name for name in names if not name.startswith(".")]


def aside(checkpoint: Path) -> Path:
    """Where a checkpoint of the helper is written before it gets its name."""
    return checkpoint.with_name(f".{checkpoint.name}{_ASIDE_SUFFIX}")


def written_aside(run_dir: Path) -> list[Path]:
    """The checkpoints that have no name yet, or never got one."""
    return list(run_dir.glob(f".*{_ASIDE_SUFFIX}"))


def has_state(path: Path) -> bool:
    """Whether Accelerate's ``save_state`` wrote into this directory."""
    try:
        with os.scandir(path) as entries:
            return any(_STATE_FILE.fullmatch(entry.name) for entry in entries)
    except OSError:
        return False
