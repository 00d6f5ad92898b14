"""Summarize a run's metrics for later commands (pure). ``summary_file.py`` reads and writes the summary.

If a resume starts at an earlier step, the values of earlier attempts from that step on are superseded: they stay in
metrics.jsonl, and the summary leaves them out. A metric that counts its steps differently from the others (per epoch,
for example) is only compared with its own steps.
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
        count: The number of values.
        last: The newest value.
        low: The smallest finite value; None without a finite value.
        high: The largest finite value.
        first_not_finite: The first NaN or infinity.
        not_finite_since: The first of the last values that are all NaN or infinite; None if the last one is finite.
        stride: One of this many values is kept as a point.
        points: At most ``MAX_POINTS`` points of step and value, evenly spread over the run.
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
        """Add the next value."""
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

    def add(self, line: Line) -> bool:
        """Add the next line.

        Returns:
            True if the line was added. False if the line changes the meaning of earlier lines, so that the file must
            be read again from its beginning (``reset``).
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
        """Learn how steps are counted and where the attempt began; return False if earlier lines must be read again."""
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
        """Return whether a first step may supersede values that were added."""
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

    def reset(self) -> None:
        """Reset everything except how the steps are counted, and where the attempts begin."""
        self.offset = self.lines = 0
        self.last_step = self.highest_step = self.reached = None
        self.ends.clear()
        self.series.clear()
