"""A curve in one line of text (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇█"
NOTHING, NOT_FINITE = " ", "×"

Points = Sequence[tuple[int | None, float]]


def sparkline(points: Points, width: int, steps: tuple[int, int] | None = None) -> str:
    """A curve of at most ``width`` characters.

    Args:
        points: Step and value; without steps they are taken in their order.
        width: How many characters.
        steps: The first and the last step of the line; None for those of the points. Where several curves get the same,
            they can be compared column by column.

    Returns:
        The mean of each column; ``×`` where no value is finite, a blank where there is none.
    """
    if not points:
        return ""
    placed = [(at if step is None else step, value) for at, (step, value) in enumerate(points)]
    first, last = steps or (min(step for step, _ in placed), max(step for step, _ in placed))
    columns: list[list[float]] = [[] for _ in range(min(width, max(1, last - first + 1)))]
    for step, value in placed:
        if first <= step <= last:
            columns[(step - first) * (len(columns) - 1) // max(1, last - first)].append(value)
    means = [_mean(values) for values in columns]
    finite = [mean for mean in means if mean is not None and math.isfinite(mean)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    return "".join(_character(mean, low, high) for mean in means).rstrip()


def _mean(values: Sequence[float]) -> float | None:
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        return math.fsum(value / len(finite) for value in finite)
    return math.nan if values else None


def _character(mean: float | None, low: float, high: float) -> str:
    if mean is None:
        return NOTHING
    if not math.isfinite(mean):
        return NOT_FINITE
    if high <= low:
        return _LEVELS[len(_LEVELS) // 2]
    return _LEVELS[min(len(_LEVELS) - 1, int((mean / 2 - low / 2) / (high / 2 - low / 2) * len(_LEVELS)))]
