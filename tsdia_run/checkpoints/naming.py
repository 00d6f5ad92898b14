"""Read the step, epoch and kind of a checkpoint from its name (pure).

Names in use: ``checkpoint-epochE-stepS`` (TS-DIA and the quickstart), ``checkpoint-N`` (diffusers, transformers),
``epoch_N`` and ``step_N`` (Accelerate's examples), ``checkpoints/checkpoint_N`` (Accelerate's automatic naming),
``epoch=3-step=99.ckpt`` (Lightning), ``iter_0000123`` (Megatron), ``global_step_10`` (verl, DeepSpeed), ``000100``
(lerobot), ``last.pth.tar`` (timm), ``ckpt.pt`` (nanoGPT).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

WEIGHT_SUFFIXES = (
    ".pt", ".pth", ".ckpt", ".bin", ".tar", ".safetensors", ".npz", ".pkl", ".msgpack", ".h5", ".distcp",
)  # fmt: skip
# Patterns here and in recognition.py are compiled at first use: most commands don't look at checkpoints.
_KNOWN_NAMES = (
    r"checkpoint-epoch(?P<epoch>[0-9]+)-step(?P<step>[0-9]+)",
    r"checkpoint-(?P<step>[0-9]+)",
    r"step_(?P<step>[0-9]+)",
    r"epoch_(?P<epoch>[0-9]+)",
    r"checkpoint_(?P<iteration>[0-9]+)",
)
_STEP_WORDS = r"(?:steps?|iter(?:ation)?s?|updates?)"
# `step=99` before `3-step`, since a name may have several numbers: epoch=3-step=99.
_STEP = (
    rf"(?:^|[^a-z])(?:global[-_ ]?)?{_STEP_WORDS}[-_= ]*([0-9]+)",
    rf"([0-9]+)[-_ ]?{_STEP_WORDS}(?![a-z])",
)
_EPOCH = (
    r"(?:^|[^a-z])(?:epochs?|ep)[-_= ]*([0-9]+)",
    r"([0-9]+)[-_ ]?epochs?(?![a-z])",
)
_MARKED = r"(?:^|[^a-z])(?:checkpoints?|ckpts?|chkpts?|snapshots?|states?)(?![a-z])"
_LAST = (
    r"(?:^|[^a-z])(?:last|latest|newest|interrupt(?:ed)?|preempt(?:ed)?|emergency|autosave|resume|crash(?:ed)?)"
    r"(?![a-z])"
)
_MODEL = r"(?:^|[^a-z])model"
_BEST = r"(?:^|[^a-z])best(?![a-z])"
# The same words, as the name of a folder of checkpoints.
_FOLDER = r"(?:model[-_]?|all[-_]?|training[-_]?)?(?:checkpoints?|ckpts?|chkpts?|snapshots?|states?)"
_TEMPORARY = r"(?i)\..*|(?:tmp|temp)[-_.].*|.*[-_.](?:tmp|temp|part|partial|incomplete|removing|saving)"
_DIGITS = r"[0-9]+"
# A metric in the name does not affect the order: val_loss=0.32.
_DECIMAL = r"-?[0-9]+\.[0-9]+(?:e-?[0-9]+)?"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint: a directory, or a single file.

    Attributes:
        path: The directory or file.
        step: The optimizer or global step in its name, else in its manifest, if known.
        epoch: The epoch in its name, else in its manifest, if known.
        iteration: The number in its name if its unit is unknown, as in Accelerate's automatic naming.
    """

    path: Path
    step: int | None = None
    epoch: int | None = None
    iteration: int | None = None


def parse_name(path: Path) -> Checkpoint | None:
    """Read a checkpoint name of Accelerate's scripts, without a look at the contents; None for other names."""
    found = _known_numbers(path.name)
    return None if found is None else Checkpoint(path, **found)


@lru_cache(maxsize=65536)
def _known_numbers(name: str) -> dict[str, int] | None:
    match = next((found for pattern in _KNOWN_NAMES if (found := re.fullmatch(pattern, name))), None)
    return match and {key: int(value) for key, value in match.groupdict().items()}


def read_name(path: Path) -> Checkpoint | None:
    """Read a checkpoint name of any form that contains a number; None for other names."""
    known = parse_name(path)
    if known or is_temporary(path.name):
        return known
    base = stem(path.name)
    text = re.sub(_DECIMAL, "", base.lower())
    step, epoch = _number(_STEP, text), _number(_EPOCH, text)
    if step is None and epoch is None and re.fullmatch(_DIGITS, text):
        step = int(text)
    if step is not None or epoch is not None:
        return Checkpoint(path, step, epoch)
    found = re.findall(_DIGITS, text)
    is_marked = re.search(_MARKED, text) or (base != path.name and re.search(_MODEL, text))
    return Checkpoint(path, iteration=int(found[-1])) if found and is_marked else None


def _number(patterns: tuple[str, ...], text: str) -> int | None:
    found = next((match for pattern in patterns if (match := re.search(pattern, text))), None)
    return int(found[1]) if found else None


def stem(name: str) -> str:
    """Return the name without its weight suffixes: ``last`` for ``last.pth.tar``."""
    while name.lower().endswith(WEIGHT_SUFFIXES):
        name = name[: name.rindex(".")]
    return name


def numbers(checkpoint: Checkpoint) -> tuple[int, ...]:
    """Return the sort key of a checkpoint within its family."""
    found = map(int, re.findall(_DIGITS, re.sub(_DECIMAL, "", stem(checkpoint.path.name))))
    # Scripts other than Accelerate's may count the steps of each epoch from zero.
    is_known = parse_name(checkpoint.path) is not None
    first = (checkpoint.step, checkpoint.epoch) if is_known else (checkpoint.epoch, checkpoint.step)
    return (*(-1 if value is None else value for value in first), *found)


def template(name: str) -> str:
    """Return the part that all names of a family share: the name with its numbers replaced."""
    return re.sub(_DIGITS, "#", re.sub(_DECIMAL, "#", name))


def is_temporary(name: str) -> bool:
    """Whether a name marks a temporary file of a write: ``tmp-checkpoint-5``, ``checkpoint-5.tmp``."""
    return re.fullmatch(_TEMPORARY, name) is not None


def is_best(name: str) -> bool:
    """Whether a name marks a copy of the best checkpoint."""
    return re.search(_BEST, stem(name).lower()) is not None


def announces(name: str) -> bool:
    """Whether a name without a number is a checkpoint's name: ``last``, ``interrupted``, ``checkpoint-final``."""
    text = stem(name).lower()
    if re.search(_LAST, text):
        return True
    return bool(re.search(_MARKED, text)) and (stem(name) != name or not re.fullmatch(_FOLDER, text))
