"""One metric over a run: its last and extreme values, and evenly spread points (pure)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

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
        highest_step: The highest step of a value; None if no value has a step.
        not_finite_since: The first of the last values that are all NaN or infinite; None if the last one is finite.
        stride: One of this many values is kept as a point.
        points: At most ``MAX_POINTS`` points of step and value, evenly spread over the run.
    """

    count: int = 0
    last: Point | None = None
    low: Point | None = None
    high: Point | None = None
    first_not_finite: Point | None = None
    highest_step: int | None = None
    not_finite_since: Point | None = None
    stride: int = 1
    points: list[tuple[int | None, float]] = field(default_factory=list)

    def extend(self, attempt: int, steps: Sequence[int], times: Sequence[float], values: Sequence[float]) -> None:
        """Add the next values.

        Args:
            attempt: The attempt that logged them.
            steps: Their steps; empty if they have none.
            times: Their times, in seconds since the epoch.
            values: At least one value.
        """

        def point(index: int) -> Point:
            return Point(steps[index] if steps else None, values[index], attempt, times[index])

        self.last = point(-1)
        if steps:
            highest = max(steps)
            self.highest_step = highest if self.highest_step is None else max(highest, self.highest_step)
        if math.isfinite(sum(values)) or all(map(math.isfinite, values)):
            self.not_finite_since, finite = None, values
        else:
            finite = [value for value in values if math.isfinite(value)]
            self._note_not_finite(values, point)
        if finite:
            low, high = min(finite), max(finite)
            if self.low is None or low < self.low.value:
                self.low = point(values.index(low))
            if self.high is None or high > self.high.value:
                self.high = point(values.index(high))
        self._sample(steps, values)

    def _note_not_finite(self, values: Sequence[float], point: Callable[[int], Point]) -> None:
        others = [index for index, value in enumerate(values) if not math.isfinite(value)]
        self.first_not_finite = self.first_not_finite or point(others[0])
        since = next((index for index in reversed(range(len(values))) if math.isfinite(values[index])), -1) + 1
        if since == len(values):
            self.not_finite_since = None
        elif since > 0 or self.not_finite_since is None:
            self.not_finite_since = point(since)

    def _sample(self, steps: Sequence[int], values: Sequence[float]) -> None:
        """Keep one of ``stride`` values as a point; with too many points, drop every second one."""
        index = -self.count % self.stride
        while index < len(values):
            if len(self.points) == MAX_POINTS:
                self.points = self.points[::2]
                self.stride *= 2
            if (self.count + index) % self.stride == 0:
                self.points.append((steps[index] if steps else None, values[index]))
                index += self.stride
            else:
                index += -(self.count + index) % self.stride
        self.count += len(values)
