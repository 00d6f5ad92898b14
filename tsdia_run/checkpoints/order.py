"""Which checkpoint is older (pure).

Within a family of names their numbers decide. Families are compared by the steps of their manifests, else by the times
at which they were saved, else by the steps in their names.
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
    """A checkpoint, as its name announces it, and what else is known.

    Attributes:
        named: What the name says.
        step: The step in the manifest.
        epoch: The epoch in the manifest.
        saved_s: When it was saved, in seconds since the epoch: by its manifest, else by its newest file.
        pattern: The pattern of the settings that names it, if one does.
    """

    named: Checkpoint
    step: int | None = None
    epoch: int | None = None
    saved_s: float | None = None
    pattern: str | None = None

    @property
    def family(self) -> tuple[Path, str]:
        """Checkpoints that were named by one rule, in one place."""
        if self.pattern is not None:
            return Path(), self.pattern
        return self.named.path.parent, template(self.named.path.name)

    @property
    def checkpoint(self) -> Checkpoint:
        """All that is known."""
        named = self.named
        step = self.step if named.step is None else named.step
        return replace(named, step=step, epoch=self.epoch if named.epoch is None else named.epoch)


@dataclass(frozen=True)
class _Placed:
    """A checkpoint within its family: of what came before it, nothing was later."""

    found: FoundCheckpoint
    manifest_step: int | None
    saved_s: float | None
    step: int | None


def in_order(found: Iterable[FoundCheckpoint]) -> tuple[Checkpoint, ...]:
    """The oldest first; the order of what is given does not matter."""
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
    """Whether ``one`` comes first, of two families."""
    pairs: tuple[tuple[float | None, float | None], ...] = (
        (one.manifest_step, other.manifest_step),
        (one.saved_s, other.saved_s),
        (one.step, other.step),
    )
    for mine, others in pairs:
        if mine is not None and others is not None and mine != others:
            return mine < others
    # Without anything to compare, what is not known is the older one.
    return _last_resort(one) < _last_resort(other)


def _last_resort(one: _Placed) -> tuple[float, tuple[int, ...], str]:
    named = one.found.named
    return _known(one.step), numbers(named), str(named.path)
