"""Checkpoints in a run directory: found by their names and by Accelerate's state in them, ordered by their steps.

Names in use: ``checkpoint-epochE-stepS`` (TS-DIA and the quickstart), ``checkpoint-N`` (diffusers, transformers),
``epoch_N`` and ``step_N`` (Accelerate's examples), ``checkpoints/checkpoint_N`` (Accelerate's automatic naming).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

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
_RANDOM_STATES = re.compile(r"random_states_\d+\.pkl")
# RUN_DIR/checkpoints/checkpoint_N, or RUN_DIR/SCRIPT_DIR/checkpoints/checkpoint_N.
_MAX_DEPTH = 2
_WITHOUT_CHECKPOINTS = OWN_NAMES | {"wandb", "tensorboard"}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint directory.

    Attributes:
        path: The directory.
        step: The optimizer or global step in its name, if the name has one.
        epoch: The epoch in its name, if the name has one.
        iteration: The save number of Accelerate's automatic naming, if the name has one.
    """

    path: Path
    step: int | None = None
    epoch: int | None = None
    iteration: int | None = None

    @property
    def order(self) -> tuple[int, int, int]:
        """Sorts checkpoints from the oldest to the newest: by step, then by epoch, then by save number."""
        return (_number(self.step), _number(self.epoch), _number(self.iteration))


def _number(value: int | None) -> int:
    return -1 if value is None else value


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
    found = _find(run_dir, _MAX_DEPTH)
    return tuple(sorted(found, key=lambda checkpoint: (checkpoint.order, checkpoint.path.name)))


def _find(folder: Path, depth: int) -> list[Checkpoint]:
    found = []
    for path in _directories(folder):
        checkpoint = parse_name(path) or (Checkpoint(path) if has_state(path) else None)
        if checkpoint:
            found.append(checkpoint)
        elif depth and path.name not in _WITHOUT_CHECKPOINTS:
            found += _find(path, depth - 1)
    return found


def _directories(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [folder / entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def has_state(path: Path) -> bool:
    """Whether Accelerate's ``save_state`` wrote into this directory."""
    try:
        with os.scandir(path) as entries:
            return any(_STATE_FILE.fullmatch(entry.name) for entry in entries)
    except OSError:
        return False


def ranks(path: Path) -> int | None:
    """How many ranks wrote a checkpoint, by their random states; None where there are none."""
    try:
        with os.scandir(path) as entries:
            return sum(_RANDOM_STATES.fullmatch(entry.name) is not None for entry in entries) or None
    except OSError:
        return None


def is_sharded(path: Path) -> bool:
    """Whether each rank has a part of the state: FSDP and DeepSpeed write folders."""
    return bool(_directories(path))


def why_unusable(path: Path) -> str | None:
    """Why a checkpoint can't be resumed from; None where it can."""
    try:
        os.listdir(path)
    except OSError as error:
        return f"it can't be read: {error.strerror}"
    return None
