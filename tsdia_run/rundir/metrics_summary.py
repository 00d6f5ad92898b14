"""Summarize a run's metrics for later commands (pure). ``summary_file.py`` reads and writes the summary.

If a resume starts at an earlier step, the values of earlier attempts from that step on are superseded: they stay in
metrics.jsonl, and the summary leaves them out. A metric that counts its steps differently from the others (per epoch,
for example) is only compared with its own steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import le

from tsdia_run.rundir.metrics_block import Block, Group
from tsdia_run.rundir.metrics_series import Series
from tsdia_run.text import visible

# The key of the steps that most metrics share.
_SHARED = ""


@dataclass
class Summary:
    """The summary of metrics.jsonl, so that later commands need not read the whole file.

    Attributes:
        offset: The number of bytes of the file that the summary covers.
        lines: The number of lines that the summary covers.
        first_steps: The first step of each attempt, by metric for ``own_steps``, else under the empty name.
        ends: The highest step of each attempt.
        own_steps: The metrics with their own step count: logged with a lower step than was logged before.
        last_step: The highest step that is not superseded.
        highest_step: The highest step, including superseded steps: what a tracker has received.
        series: The metrics by name, in the order in which they first appear.
        reached: The attempt that was read last, and its highest shared step.
    """

    offset: int = 0
    lines: int = 0
    first_steps: dict[int, dict[str, int]] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    own_steps: list[str] = field(default_factory=list)
    last_step: int | None = None
    highest_step: int | None = None
    series: dict[str, Series] = field(default_factory=dict)
    reached: tuple[int, int] | None = None

    @property
    def starts(self) -> dict[int, int]:
        """The first step of each attempt that logged a step."""
        return {
            attempt: steps.get(_SHARED, min(steps.values())) for attempt, steps in self.first_steps.items() if steps
        }

    def add(self, block: Block) -> bool:
        """Add the next lines.

        Returns:
            True if the lines were added. False if they change the meaning of earlier lines, so that the file must be
            read again from its beginning (``reset``).
        """
        if block.steps and not self._learn(block):
            return False
        limits = self._limits(block.attempt)
        self.lines += block.size
        if block.steps:
            self._reach(block, limits)
        for name, group in _by_name(block):
            limit = limits.get(self._key(name))
            kept = group if limit is None or not group.steps else _before(group, name, limit)
            if kept.positions:
                series = self.series.get(name) or self.series.setdefault(visible(name), Series())
                series.extend(block.attempt, kept.steps, kept.times, kept.columns[name])
        return True

    def _reach(self, block: Block, limits: Mapping[str, int]) -> None:
        highest = max(block.steps)
        self.highest_step = highest if self.highest_step is None else max(highest, self.highest_step)
        self.ends[block.attempt] = max(highest, self.ends.get(block.attempt, highest))
        for group in block.groups if limits else ():
            keys = {self._key(name) for name in group.columns} or {_SHARED}
            counted: Iterable[int] = group.steps
            if all(key in limits for key in keys):
                limit = max(limits[key] for key in keys)
                counted = (step for step in counted if step < limit)
            last = max(counted, default=None)
            if last is not None:
                self.last_step = last if self.last_step is None else max(last, self.last_step)
        if not limits:
            self.last_step = highest if self.last_step is None else max(highest, self.last_step)

    def _learn(self, block: Block) -> bool:
        """Learn how steps are counted and where the attempt began; return False if earlier lines must be read again."""
        firsts: dict[str, int] = {}
        shared: list[Group] = []
        for group in block.groups:
            keys = {self._key(name) for name in group.columns} or {_SHARED}
            if group.columns and _SHARED in keys:
                shared.append(group)
            for key in keys:
                firsts[key] = min(group.positions[0], firsts.get(key, block.size))
        back = self._first_that_goes_back(block, shared)
        if back is not None:
            names = next(group.columns for group in block.groups if back in group.positions)
            self.own_steps += [name for name in names if name not in self.own_steps]
            self.first_steps.clear()
            return False
        known = self.first_steps.setdefault(block.attempt, {})
        new = {key: block.steps[position] for key, position in firsts.items() if key not in known}
        known |= new
        return not any(self._goes_back(step, key) for key, step in new.items())

    def _first_that_goes_back(self, block: Block, groups: Sequence[Group]) -> int | None:
        """Return the first line of these groups with a lower step than the line before; None if there is none."""
        if not groups:
            return None
        known = self.reached if self.reached is not None and self.reached[0] == block.attempt else None
        if len(groups) == len(block.groups) and block.is_ordered and (known is None or known[1] <= block.steps[0]):
            self.reached = (block.attempt, block.steps[-1])
            return None
        positions = sorted(position for group in groups for position in group.positions)
        steps = [block.steps[position] for position in positions]
        before = steps[0] if known is None else known[1]
        if before <= steps[0] and all(map(le, steps, steps[1:])):
            self.reached = (block.attempt, steps[-1])
            return None
        pairs = zip([before, *steps], steps, positions, strict=False)
        return next(position for last, step, position in pairs if step < last)

    def _goes_back(self, step: int, key: str) -> bool:
        """Return whether a first step may supersede values that were added."""
        if key == _SHARED:
            return self.last_step is not None and step <= self.last_step
        highest = self.series[key].highest_step if key in self.series else None
        return highest is not None and highest >= step

    def _limits(self, attempt: int) -> dict[str, int]:
        """Return the step from which on later attempts supersede the values of this one, by key."""
        limits: dict[str, int] = {}
        for later, steps in self.first_steps.items():
            if later > attempt:
                for key, step in steps.items():
                    limits[key] = min(step, limits.get(key, step))
        return limits

    def _key(self, name: str) -> str:
        return name if name in self.own_steps else _SHARED

    def reset(self) -> None:
        """Reset everything except how the steps are counted, and where the attempts begin."""
        self.offset = self.lines = 0
        self.last_step = self.highest_step = self.reached = None
        self.ends.clear()
        self.series.clear()


def _by_name(block: Block) -> Iterator[tuple[str, Group]]:
    """Yield each name with a group that has all of its values, in the order of the lines."""
    found: dict[str, list[Group]] = {}
    for group in block.groups:
        for name in group.columns:
            found.setdefault(name, []).append(group)
    for name, groups in found.items():
        yield name, groups[0] if len(groups) == 1 else _merged(groups, name)


def _merged(groups: Sequence[Group], name: str) -> Group:
    places = sorted(
        (place, one, index) for one, group in enumerate(groups) for index, place in enumerate(group.positions)
    )
    return Group(
        [place for place, _, _ in places],
        [groups[one].steps[index] for _, one, index in places] if groups[0].steps else (),
        [groups[one].times[index] for _, one, index in places],
        {name: [groups[one].columns[name][index] for _, one, index in places]},
    )


def _before(group: Group, name: str, limit: int) -> Group:
    """Return the values with a step below the limit."""
    kept = [step < limit for step in group.steps]
    return Group(
        list(compress(group.positions, kept)),
        list(compress(group.steps, kept)),
        list(compress(group.times, kept)),
        {name: list(compress(group.columns[name], kept))},
    )
