"""Columns of plain text (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

# What is said in the place of a state: of a run without a record, and of one whose record can't be used.
UNKNOWN, DAMAGED = "unknown", "damaged"


@dataclass(frozen=True)
class PageSection:
    """A part of a page.

    Attributes:
        title: Its heading.
        lines: What stands below.
    """

    title: str
    lines: tuple[str, ...]


def aligned(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Rows of cells as lines; each column is as wide as its widest cell, and empty columns are left out."""
    rows = [[visible(cell) for cell in row] for row in rows]
    used = [at for at in range(max(map(len, rows), default=0)) if any(row[at] for row in rows)]
    widths = [max(len(row[at]) for row in rows) for at in used]
    lines = ("  ".join(row[at].ljust(width) for at, width in zip(used, widths, strict=True)) for row in rows)
    return tuple(line.rstrip() for line in lines)


def number(value: float) -> str:
    """A value of a metric in four digits."""
    return f"{value:.4g}"
