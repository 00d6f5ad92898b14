"""The summary of a run's metrics: what later commands need of them (pure). ``summary_file.py`` has its file.

Where a resume went back to an older step, the values of earlier attempts from its first step on are superseded: they
stay in metrics.jsonl, and the summary leaves them out. A metric whose steps are counted otherwise than those of the
others (per epoch, say) is compared with its own steps alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from tsdia_run.rundir.metrics import Line
from tsdia_run.text import visible

MAX_POINTS = 512


@dataclass(frozen=True)
class Point:
    """One value of a metric."""

    step: int | None
    value: float
    attempt: int
    time: float


@dataclass
class Series:
    """One metric over the run.

    Attributes:
        count: How many values it has.
        last: The newest one.
        low: The smallest finite one; None where none is finite.
        high: The largest finite one.
        first_not_finite: The first NaN or infinity.
        not_finite_since: Where the last values are all NaN or infinite, the first of these.
        stride: Every how many values one is kept as a point.
        points: At most ``MAX_POINTS`` of them, step and value, evenly over the run.
    """

    count: int = 0
    last: Point | None = None
    low: Point | None = None
    high: Point | None = None
    first_not_finite: Point | None = None
    not_finite_since: Point | None = None
    stride: int = 1
    points: list[tuple[int | None, float]] = field(default_factory=list)

    def add(self, point: Point) -> None:
        """Take the next value."""
        self.last = point
        if math.isfinite(point.value):
            self.not_finite_since = None
            if self.low is None or point.value < self.low.value:
                self.low = point
            if self.high is None or point.value > self.high.value:
                self.high = point
        else:
            self.first_not_finite = self.first_not_finite or point
            self.not_finite_since = self.not_finite_since or point
        if self.count % self.stride == 0:
            if len(self.points) == MAX_POINTS:
                self.points = self.points[::2]
                self.stride *= 2
            if self.count % self.stride == 0:
                self.points.append((point.step, point.value))
        self.count += 1


# What the steps of most metrics are counted by.
_SHARED = ""


@dataclass
class Summary:
    """What later commands need of metrics.jsonl, so that they need not read it.

    Attributes:
        offset: Up to which byte of the file it goes.
        lines: How many lines that are.
        first_steps: The first step of each attempt, by metric for ``own_steps``, else under the empty name.
        ends: The highest step of each attempt.
        own_steps: The metrics that are counted by steps of their own: logged with a lower step than was logged before.
        last_step: The highest step that counts.
        highest_step: The highest step of all, superseded ones among them: what a tracker has seen.
        series: The metrics by their names, in the order of their first appearance.
        reached: The attempt that was read last, and its highest step on the shared steps.
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
        """The first step of each attempt that named one."""
        return {
            attempt: steps.get(_SHARED, min(steps.values())) for attempt, steps in self.first_steps.items() if steps
        }

    def add(self, line: Line) -> bool:
        """Take the next line.

        Returns:
            Whether all is well; False where something is known now that changes how earlier lines are taken, so that
            the file must be read again from its beginning (``begin_again``).
        """
        if line.step is not None and not self._learn(line.attempt, line.step, line.values):
            return False
        self.lines += 1
        step = line.step
        if step is not None:
            self.highest_step = step if self.highest_step is None else max(step, self.highest_step)
            self.ends[line.attempt] = max(step, self.ends.get(line.attempt, step))
        counted = {name: value for name, value in line.values.items() if not self._is_superseded(line, name)}
        if step is not None and (counted or not (line.values or self._is_superseded(line, _SHARED))):
            self.last_step = step if self.last_step is None else max(step, self.last_step)
        for name, value in counted.items():
            series = self.series.get(name)
            if series is None:
                series = self.series.setdefault(visible(name), Series())
            series.add(Point(step, value, line.attempt, line.time))
        return True

    def _learn(self, attempt: int, step: int, values: Mapping[str, float]) -> bool:
        """Whether a line tells nothing new about how the steps are counted and where the attempt began."""
        shared = [name for name in values if name not in self.own_steps]
        if shared:
            if self.reached is not None and self.reached[0] == attempt and step < self.reached[1]:
                self.own_steps += shared
                self.first_steps.clear()
                return False
            self.reached = (attempt, step)
        firsts = self.first_steps.setdefault(attempt, {})
        keys = {name if name in self.own_steps else _SHARED for name in values} or {_SHARED}
        new = [key for key in keys if key not in firsts]
        firsts |= dict.fromkeys(new, step)
        return not any(self._goes_back(attempt, step, key) for key in new)

    def _goes_back(self, attempt: int, step: int, key: str) -> bool:
        """Whether a first step may supersede values that were taken."""
        if key == _SHARED:
            return self.last_step is not None and step <= self.last_step
        last = self.series[key].last if key in self.series else None
        return last is not None and last.attempt < attempt and last.step is not None and last.step >= step

    def _is_superseded(self, line: Line, name: str) -> bool:
        step, key = line.step, name if name in self.own_steps else _SHARED
        if step is None:
            return False
        return any(
            attempt > line.attempt and steps.get(key, step + 1) <= step for attempt, steps in self.first_steps.items()
        )

    def begin_again(self) -> None:
        """Forget everything but how the steps are counted, and where the attempts begin."""
        self.offset = self.lines = 0
        self.last_step = self.highest_step = self.reached = None
        self.ends.clear()
        self.series.clear()
