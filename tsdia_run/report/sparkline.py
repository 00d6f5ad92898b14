"""Draw curves as lines of text (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇█"
NOTHING, NOT_FINITE = " ", "×"

Points = Sequence[tuple[int | None, float]]


def sparklines(curves: Sequence[Points], width: int) -> list[str]:
    """Draw curves that share their columns (the same steps in each curve) and their scale.

    Args:
        curves: Step and value of each point; the position replaces a missing step.
        width: The largest number of columns; there are never more columns than points in the longest curve.

    Returns:
        One line per curve, with the mean of each column: ``×`` if no value is finite, a blank without values.
    """
    placed = [[(at if step is None else step, value) for at, (step, value) in enumerate(curve)] for curve in curves]
    steps = [step for curve in placed for step, _ in curve]
    if not steps:
        return [""] * len(curves)
    first, last = min(steps), max(steps)
    columns = min(width, max(map(len, placed)), last - first + 1)
    means = [_means(curve, first, last, columns) for curve in placed]
    finite = [mean for curve in means for mean in curve if mean is not None and math.isfinite(mean)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    return ["".join(_character(mean, low, high) for mean in curve).rstrip() for curve in means]


def _means(curve: Sequence[tuple[int, float]], first: int, last: int, columns: int) -> list[float | None]:
    found: list[list[float]] = [[] for _ in range(columns)]
    for step, value in curve:
        found[(step - first) * (columns - 1) // max(1, last - first)].append(value)
    return [_mean(values) for values in found]


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
