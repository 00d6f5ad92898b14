"""A line that is still on the screen, or a block of plain ones (pure)."""

from __future__ import annotations

from tsdia_run.relay import cells

# A line that is longer goes into the log in pieces.
LONG_LINE = 16 * 1024
_LONGEST_CHARACTER = 4
# A drawing that so many later ones were drawn over is forgotten, even if it was longer than they are.
DRAWINGS_KEPT = 256


class ScreenRow:
    """One line, or several complete plain ones that nothing has touched yet.

    Attributes:
        raw: The bytes as they came since the last carriage return; of several lines with newlines between them.
        under: What was drawn before, each from the first column, the latest last.
        cells: The line's cells, once something else than a whole drawing has changed; then the two above are empty.
        lines: How many lines these are.
        began: When the first byte came.
        touched: When the last byte came.
        shown: When it last entered the log, at first when it began.
        is_in_log: Whether the log has it as it is now.
        is_hasty: Whether it entered the log because nothing had touched it for a while.
        is_drawn: Whether something was overwritten or erased: spaces at its end are not the script's.
        is_continued: Whether the log has the beginning of this line already, without a newline.
    """

    __slots__ = (
        "began",
        "cells",
        "is_continued",
        "is_drawn",
        "is_hasty",
        "is_in_log",
        "lines",
        "raw",
        "shown",
        "touched",
        "under",
    )

    def __init__(self, now: float, raw: bytes = b"", lines: int = 1) -> None:
        self.raw = raw
        self.under: list[bytes] = []
        self.cells: list[str] | None = None
        self.lines = lines
        self.began = self.touched = self.shown = now
        self.is_in_log = False
        self.is_hasty = False
        self.is_drawn = False
        self.is_continued = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever written, or all was erased."""
        return not self.raw and not self.under and not self.cells

    def end(self) -> int:
        """The column behind the last drawing, in cells."""
        if self.cells is not None:
            return len(self.cells)
        return cells.count(self.raw.decode("utf-8", "replace"))

    def begin_drawing(self) -> None:
        """The next bytes are written from the first column, over what there is."""
        self.draw([b""])

    def draw(self, drawings: list[bytes]) -> None:
        """Texts are written from the first column, one over the other, over what there is."""
        if not self.is_empty:
            self.under.append(self.raw if self.cells is None else "".join(self.cells).encode())
        self.under += drawings[:-1]
        del self.under[:-DRAWINGS_KEPT]
        self.raw = drawings[-1]
        self.cells = None
        self.is_drawn = self.is_drawn or bool(self.under)

    def fold(self) -> None:
        """Make one text of all drawings."""
        if self.under:
            self.raw = "".join(self._overlaid()).encode()
            self.under.clear()

    def as_cells(self) -> list[str]:
        """The cells of the line, to be changed in place."""
        if self.cells is None:
            self.cells = self._overlaid()
            self.raw = b""
            self.under.clear()
        return self.cells

    def _overlaid(self) -> list[str]:
        line: list[str] = []
        for drawing in (*self.under, self.raw):
            cells.put(line, 0, drawing.decode("utf-8", "replace"))
        return line

    def clear(self) -> None:
        """Erase all of it."""
        self.raw = b""
        self.under.clear()
        self.cells = None
        self.is_drawn = True

    def text(self) -> bytes:
        """What is to be read, in UTF-8; without the last newline."""
        if self.cells is not None:
            text = "".join(self.cells)
            return (text.rstrip(" ") if self.is_drawn else text).encode()
        if not self.is_drawn:
            return repaired(self.raw)
        if not self.under and b"\t" not in self.raw:
            return repaired(self.raw).rstrip(b" ")
        return "".join(self._overlaid()).rstrip(" ").encode()

    def cut_at(self) -> int:
        """Where a raw line that is too long is to be cut: between characters, at the same places however it came."""
        raw = self.raw
        at = 0
        while len(raw) - at > LONG_LINE + _LONGEST_CHARACTER:
            end = at + LONG_LINE
            at = next((place for place in range(end, end - _LONGEST_CHARACTER, -1) if raw[place] & 0xC0 != 0x80), end)
        return at

    def split(self) -> list[ScreenRow]:
        """The lines of a block, each as a row of its own."""
        if self.lines == 1:
            return [self]
        rows = []
        for raw in self.raw.split(b"\n"):
            row = ScreenRow(self.began, raw)
            row.touched, row.shown = self.touched, self.shown
            row.is_in_log, row.is_hasty = self.is_in_log, self.is_hasty
            rows.append(row)
        return rows


def repaired(raw: bytes) -> bytes:
    """UTF-8 as it is; what is broken in it becomes U+FFFD, as on a terminal."""
    if raw.isascii():
        return raw
    try:
        raw.decode()
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace").encode()
    return raw
