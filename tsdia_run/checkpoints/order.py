"""Sort checkpoints by age (pure).

Within a family of names the numbers in the names decide. Families are compared by the steps in their manifests, else by
the times of the saves, else by the steps in their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from tsdia_run.checkpoints.naming import Checkpoint, numbers, template

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class FoundCheckpoint:
    """A checkpoint with the data from its name and its manifest.

    Attributes:
        named: The data from the name.
        step: The step in the manifest.
        epoch: The epoch in the manifest.
        saved_s: When it was saved, in seconds since the epoch: from its manifest, else from its newest file.
        pattern: The pattern of the settings that matches it, if any.
    """

    named: Checkpoint
    step: int | None = None
    epoch: int | None = None
    saved_s: float | None = None
    pattern: str | None = None

    @property
    def family(self) -> tuple[Path, str]:
        """The key of its family: checkpoints in one place, with names of one form."""
        if self.pattern is not None:
            return Path(), self.pattern
        return self.named.path.parent, template(self.named.path.name)

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint with the data from its name, else from its manifest."""
        named = self.named
        step = self.step if named.step is None else named.step
        return replace(named, step=step, epoch=self.epoch if named.epoch is None else named.epoch)


@dataclass(frozen=True)
class _Placed:
    """A checkpoint in its family; its step and time are at least those of all members before it."""

    found: FoundCheckpoint
    manifest_step: int | None
    saved_s: float | None
    step: int | None


def in_order(found: Iterable[FoundCheckpoint]) -> tuple[Checkpoint, ...]:
    """Return the checkpoints, the oldest first, for any order of the input."""
    families: dict[tuple[Path, str], list[FoundCheckpoint]] = {}
    for one in sorted(found, key=lambda one: str(one.named.path)):
        families.setdefault(one.family, []).append(one)
    queues = [
        _placed(families[family])[::-1] for family in sorted(families, key=lambda family: tuple(map(str, family)))
    ]
    merged: list[Checkpoint] = []
    while queues:
        oldest = queues[0]
        for queue in queues[1:]:
            if _is_older(queue[-1], oldest[-1]):
                oldest = queue
        merged.append(oldest.pop().found.checkpoint)
        if not oldest:
            queues.remove(oldest)
    return tuple(merged)


def _placed(members: Sequence[FoundCheckpoint]) -> list[_Placed]:
    placed: list[_Placed] = []
    manifest_step: int | None = None
    saved_s: float | None = None
    step: int | None = None
    for one in sorted(members, key=lambda one: (numbers(one.named), _known(one.step), _known(one.saved_s))):
        manifest_step, saved_s = _later(manifest_step, one.step), _later(saved_s, one.saved_s)
        step = _later(step, one.step) if one.named.step is None else one.named.step
        placed.append(_Placed(one, manifest_step, saved_s, step))
    return placed


def _known(value: float | None) -> float:
    return -1 if value is None else value


def _later(one: _Number | None, other: _Number | None) -> _Number | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def _is_older(one: _Placed, other: _Placed) -> bool:
    """Whether ``one`` is older than ``other``, from another family."""
    pairs: tuple[tuple[float | None, float | None], ...] = (
        (one.manifest_step, other.manifest_step),
        (one.saved_s, other.saved_s),
        (one.step, other.step),
    )
    for mine, others in pairs:
        if mine is not None and others is not None and mine != others:
            return mine < others
    # If there is nothing to compare, the checkpoint with the unknown step is older.
    return _last_resort(one) < _last_resort(other)


def _last_resort(one: _Placed) -> tuple[float, tuple[int, ...], str]:
    named = one.found.named
    return _known(one.step), numbers(named), str(named.path)
