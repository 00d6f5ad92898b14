"""Format the sections, columns and numbers of a page (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tsdia_run.rundir.record import State
from tsdia_run.text import visible

MARKS = {
    State.COMPLETED: "✓",
    State.FAILED: "✗",
    State.STOPPED: "■",
    State.LOST: "✗",
    State.RUNNING: "▶",
    State.PREPARING: "▶",
}
# Shown for a running run whose training a signal has stopped.
SUSPENDED = "suspended"


class NoState(Enum):
    """Shown instead of a state: for a run without a record, and for a run whose record can't be used."""

    UNKNOWN = "unknown"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class PageSection:
    """A part of a page.

    Attributes:
        title: Its heading.
        lines: The lines below it.
    """

    title: str
    lines: tuple[str, ...]


def aligned(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return rows of cells as lines; each column is as wide as its widest cell, and empty columns are left out."""
    rows = [[visible(cell) for cell in row] for row in rows]
    used = [at for at in range(max(map(len, rows), default=0)) if any(row[at] for row in rows)]
    widths = [max(len(row[at]) for row in rows) for at in used]
    lines = ("  ".join(row[at].ljust(width) for at, width in zip(used, widths, strict=True)) for row in rows)
    return tuple(line.rstrip() for line in lines)


def number(value: float) -> str:
    """Return a value of a metric with four digits."""
    return f"{value:.4g}"
