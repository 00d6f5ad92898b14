"""A terminal to compare the log with: pyte, which also remembers the rows that it wrapped."""

from __future__ import annotations

import re
from typing import Any

import pyte
import pyte.modes

_IMAGES = re.compile(rb"\x1bP[^\x1b]*\x1b\\")  # and other device control strings, which pyte does not know


class _Screen(pyte.HistoryScreen):  # type: ignore[misc]  # pyte has no types
    """A screen whose rows have an attribute ``goes_on`` if their line continues in the next row."""

    def draw(self, data: str) -> None:
        for char in data:
            row = self.cursor.y
            is_full = self.cursor.x == self.columns and pyte.modes.DECAWM in self.mode
            line: Any = self.buffer[row]
            super().draw(char)
            if is_full and self.cursor.x <= 2 and self.cursor.x:
                line.goes_on = True

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        super().erase_in_line(how, private)
        line: Any = self.buffer[self.cursor.y]
        if how in (0, 2) and not (how == 0 and self.cursor.x == self.columns):
            line.goes_on = False

    def erase_in_display(self, how: int = 0, *args: Any, **options: Any) -> None:
        super().erase_in_display(how, *args, **options)
        rows = {0: range(self.cursor.y + 1, self.lines), 1: range(self.cursor.y)}.get(how, range(self.lines))
        for row in rows:
            line: Any = self.buffer[row]
            line.goes_on = False

    def delete_lines(self, count: int | None = None) -> None:
        self._fill()
        super().delete_lines(count)

    def insert_lines(self, count: int | None = None) -> None:
        self._fill()
        super().insert_lines(count)

    def cursor_up(self, count: int | None = None) -> None:
        """Move up; above the scroll region, up to the first row (pyte stops at the region's edges in any case)."""
        if self.margins and self.cursor.y < self.margins.top:
            self.cursor.y = max(0, self.cursor.y - (count or 1))
        else:
            super().cursor_up(count)

    def cursor_down(self, count: int | None = None) -> None:
        """Move down; below the scroll region, down to the last row."""
        if self.margins and self.cursor.y > self.margins.bottom:
            self.cursor.y = min(self.lines - 1, self.cursor.y + (count or 1))
        else:
            super().cursor_down(count)

    def save_cursor(self) -> None:
        """Remember one position, as terminals do (pyte keeps a stack)."""
        self._saved = self.cursor.y, self.cursor.x

    def restore_cursor(self) -> None:
        """Move to the remembered position, also outside the scroll region."""
        self.cursor.y, self.cursor.x = getattr(self, "_saved", (0, 0))

    def _fill(self) -> None:
        """Create the rows that were never written, since pyte moves only rows that exist."""
        for row in range(self.lines):
            self.buffer[row]


def shown(data: bytes, columns: int, rows: int) -> list[str]:
    """Return the lines of a terminal, scrolled ones first; without spaces and blank lines at the end.

    The lines of the alternate screen, which pyte does not support, appear where the program left it.
    """
    return [line for part in re.split(rb"\x1b\[\?1049[hl]", data) for line in _shown(part, columns, rows)]


def _shown(data: bytes, columns: int, rows: int) -> list[str]:
    screen = _Screen(columns, rows, history=100_000)
    screen.set_mode(pyte.modes.LNM)
    pyte.ByteStream(screen).feed(_IMAGES.sub(b"", data))
    lines, start = [], ""
    for row in [*screen.history.top, *(screen.buffer[y] for y in range(rows))]:
        text = start + "".join(row[x].data for x in range(min(columns, max(row, default=-1) + 1)))
        if getattr(row, "goes_on", False):
            start = text
        else:
            lines.append(text)
            start = ""
    return without_blank_end([*lines, start])


def without_blank_end(lines: list[str]) -> list[str]:
    """Return the lines without spaces and blank lines at their end."""
    lines = [line.expandtabs(8).rstrip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return lines
