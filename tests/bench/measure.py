"""Pairs of commands, timed in turn."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from os import cpu_count


@dataclass(frozen=True)
class Result:
    """A figure of ours beside a peer's.

    Attributes:
        work: What was done.
        ours: Our median, in ``unit``.
        peer: What it is compared with.
        theirs: The peer's median; None where the comparison is with a fixed limit.
        unit: The unit of both.
        ratio: Ours by theirs.
        low: The lowest ratio of two neighbouring runs.
        high: The highest one.
        limit: What the ratio may be.
    """

    work: str
    ours: float
    peer: str
    theirs: float | None
    unit: str
    ratio: float
    low: float
    high: float
    limit: float

    @property
    def is_within(self) -> bool:
        """Whether the limit is kept."""
        return self.ratio <= self.limit


def alternate(
    work: str,
    ours: Callable[[], float],
    peer: str,
    theirs: Callable[[], float],
    *,
    runs: int,
    limit: float,
    unit: str = "s",
) -> Result:
    """Measure two things in turn, so that a drifting machine slows both.

    Args:
        work: What is done.
        ours: Does it our way once and gives the figure.
        peer: The other way's name.
        theirs: Does it the other way once.
        runs: How many runs of each are counted.
        limit: What the ratio may be.
        unit: The unit of the figures.
    """
    ours(), theirs()  # not counted: cold caches
    pairs = [(ours(), theirs()) for _ in range(runs)]
    our_median = statistics.median(pair[0] for pair in pairs)
    their_median = statistics.median(pair[1] for pair in pairs)
    ratios = [mine / other for mine, other in pairs]
    return Result(
        work, our_median, peer, their_median, unit, our_median / their_median, min(ratios), max(ratios), limit
    )


def machine() -> str:
    """What it was measured on."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("accelerate", "torch", "typer", "rich"))
    return (
        f"{cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, {packages}"
    )
