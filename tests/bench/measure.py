"""Time pairs of commands, alternating."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from os import cpu_count


@dataclass(frozen=True)
class Result:
    """A result of tsdia-run next to a peer's.

    Attributes:
        work: The measured task.
        ours: The median of tsdia-run, in ``unit``.
        peer: The name of the peer.
        theirs: The peer's median; None for a comparison with a fixed limit.
        unit: The unit of both medians.
        ratio: ``ours`` divided by ``theirs``.
        low: The lowest ratio of two neighbouring runs.
        high: The highest ratio of two neighbouring runs.
        limit: The highest allowed ratio.
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
        """Whether the ratio is within the limit."""
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
    """Measure two commands in alternation, so that changes of the machine's speed affect both.

    Args:
        work: The measured task.
        ours: Does the task once with tsdia-run and returns the result.
        peer: The name of the peer.
        theirs: Does the task once with the peer.
        runs: The number of counted runs of each.
        limit: The highest allowed ratio.
        unit: The unit of the results.
    """
    ours(), theirs()  # a warm-up run, not counted: cold caches
    pairs = [(ours(), theirs()) for _ in range(runs)]
    our_median = statistics.median(pair[0] for pair in pairs)
    their_median = statistics.median(pair[1] for pair in pairs)
    ratios = [mine / other for mine, other in pairs]
    return Result(
        work, our_median, peer, their_median, unit, our_median / their_median, min(ratios), max(ratios), limit
    )


def machine() -> str:
    """Return a description of the machine."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("accelerate", "torch", "typer", "rich"))
    return (
        f"{cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, {packages}"
    )
