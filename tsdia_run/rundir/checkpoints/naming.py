"""What the name of a file or directory tells about a checkpoint (pure).

Names in use: ``checkpoint-epochE-stepS`` (TS-DIA and the quickstart), ``checkpoint-N`` (diffusers, transformers),
``epoch_N`` and ``step_N`` (Accelerate's examples), ``checkpoints/checkpoint_N`` (Accelerate's automatic naming),
``epoch=3-step=99.ckpt`` (Lightning), ``iter_0000123`` (Megatron), ``global_step_10`` (verl, DeepSpeed), ``000100``
(lerobot), ``last.pth.tar`` (timm), ``ckpt.pt`` (nanoGPT).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

WEIGHT_SUFFIXES = (
    ".pt", ".pth", ".ckpt", ".bin", ".tar", ".safetensors", ".npz", ".pkl", ".msgpack", ".h5", ".distcp",
)  # fmt: skip
_KNOWN_NAMES = (
    re.compile(r"checkpoint-epoch(?P<epoch>[0-9]+)-step(?P<step>[0-9]+)"),
    re.compile(r"checkpoint-(?P<step>[0-9]+)"),
    re.compile(r"step_(?P<step>[0-9]+)"),
    re.compile(r"epoch_(?P<epoch>[0-9]+)"),
    re.compile(r"checkpoint_(?P<iteration>[0-9]+)"),
)
_STEP_WORDS = r"(?:steps?|iter(?:ation)?s?|updates?)"
# `step=99` before `3-step`, since names have several numbers: epoch=3-step=99.
_STEP = (
    re.compile(rf"(?:^|[^a-z])(?:global[-_ ]?)?{_STEP_WORDS}[-_= ]*([0-9]+)"),
    re.compile(rf"([0-9]+)[-_ ]?{_STEP_WORDS}(?![a-z])"),
)
_EPOCH = (
    re.compile(r"(?:^|[^a-z])(?:epochs?|ep)[-_= ]*([0-9]+)"),
    re.compile(r"([0-9]+)[-_ ]?epochs?(?![a-z])"),
)
_MARKED = re.compile(r"(?:^|[^a-z])(?:checkpoints?|ckpts?|chkpts?|snapshots?|states?)(?![a-z])")
_LAST = re.compile(
    r"(?:^|[^a-z])(?:last|latest|newest|interrupt(?:ed)?|preempt(?:ed)?|emergency|autosave|resume|crash(?:ed)?)(?![a-z])"
)
_MODEL = re.compile(r"(?:^|[^a-z])model")
_BEST = re.compile(r"(?:^|[^a-z])best(?![a-z])")
# A folder of checkpoints, by the same words.
_FOLDER = re.compile(r"(?:model[-_]?|all[-_]?|training[-_]?)?(?:checkpoints?|ckpts?|chkpts?|snapshots?|states?)")
_TEMPORARY = re.compile(r"\..*|(?:tmp|temp)[-_.].*|.*[-_.](?:tmp|temp|part|partial|incomplete|removing|saving)", re.I)
_DIGITS = re.compile(r"[0-9]+")
# A metric in the name orders nothing: val_loss=0.32.
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+(?:e-?[0-9]+)?")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint: a directory, or a single file.

    Attributes:
        path: The directory or file.
        step: The optimizer or global step in its name, else in its manifest, as far as known.
        epoch: The epoch in its name, else in its manifest, as far as known.
        iteration: The number in its name, where its unit is unknown: of Accelerate's automatic naming, say.
    """

    path: Path
    step: int | None = None
    epoch: int | None = None
    iteration: int | None = None


def parse_name(path: Path) -> Checkpoint | None:
    """The checkpoint that a name of Accelerate's scripts announces, whatever is in it; None for other names."""
    for pattern in _KNOWN_NAMES:
        match = pattern.fullmatch(path.name)
        if match:
            return Checkpoint(path, **{key: int(value) for key, value in match.groupdict().items()})
    return None


def read_name(path: Path) -> Checkpoint | None:
    """The checkpoint that any name with a number announces; None for other names."""
    known = parse_name(path)
    if known or is_temporary(path.name):
        return known
    base = stem(path.name)
    text = _DECIMAL.sub("", base.lower())
    step, epoch = _number(_STEP, text), _number(_EPOCH, text)
    if step is None and epoch is None and _DIGITS.fullmatch(text):
        step = int(text)
    if step is not None or epoch is not None:
        return Checkpoint(path, step, epoch)
    found = _DIGITS.findall(text)
    is_marked = _MARKED.search(text) or (base != path.name and _MODEL.search(text))
    return Checkpoint(path, iteration=int(found[-1])) if found and is_marked else None


def _number(patterns: tuple[re.Pattern[str], ...], text: str) -> int | None:
    found = next((match for pattern in patterns if (match := pattern.search(text))), None)
    return int(found[1]) if found else None


def stem(name: str) -> str:
    """The name without its weight suffixes: ``last`` for ``last.pth.tar``."""
    while name.lower().endswith(WEIGHT_SUFFIXES):
        name = name[: name.rindex(".")]
    return name


def numbers(checkpoint: Checkpoint) -> tuple[int, ...]:
    """What orders a checkpoint within its family."""
    found = map(int, _DIGITS.findall(_DECIMAL.sub("", stem(checkpoint.path.name))))
    # Other scripts than Accelerate's may count the steps of each epoch from zero.
    is_known = parse_name(checkpoint.path) is not None
    first = (checkpoint.step, checkpoint.epoch) if is_known else (checkpoint.epoch, checkpoint.step)
    return (*(-1 if value is None else value for value in first), *found)


def template(name: str) -> str:
    """What the names of one family have in common: the name with its numbers replaced."""
    return _DIGITS.sub("#", _DECIMAL.sub("#", name))


def is_temporary(name: str) -> bool:
    """Whether a name says that something is being written: ``tmp-checkpoint-5``, ``checkpoint-5.tmp``."""
    return _TEMPORARY.fullmatch(name) is not None


def is_best(name: str) -> bool:
    """Whether a name says that it is a copy of the best one."""
    return _BEST.search(stem(name).lower()) is not None


def announces(name: str) -> bool:
    """Whether a name without a number is one of a checkpoint: ``last``, ``interrupted``, ``checkpoint-final``."""
    text = stem(name).lower()
    if _LAST.search(text):
        return True
    return bool(_MARKED.search(text)) and (stem(name) != name or not _FOLDER.fullmatch(text))
