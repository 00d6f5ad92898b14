"""A line that is still on the screen, or a block of plain lines (pure)."""

from __future__ import annotations

import codecs
import itertools

from tsdia_run.relay import cells

# A longer line is logged in pieces.
LONG_LINE = 16 * 1024
_LONGEST_CHARACTER = 4
# A drawing is forgotten after this many later ones were drawn over it, even if it was longer.
DRAWINGS_KEPT = 256


class ScreenRow:
    """One line, or several complete plain lines that have not changed yet.

    Attributes:
        raw: The bytes since the last carriage return; for several lines, with newlines between them.
        under: Earlier drawings, each from the first column, latest last.
        cells: The line's cells, once a part of a drawing has changed; then ``raw`` and ``under`` are empty.
        lines: The number of lines.
        began: When the first byte arrived.
        touched: When the last byte arrived.
        shown: When it was last logged; initially its start time.
        is_in_log: Whether the log has its current text.
        is_hasty: Whether it was logged early because it had not changed for a while.
        is_drawn: Whether something was overwritten or erased; spaces at its end are then not the script's.
        is_continued: Whether the log already has the start of this line, without a newline.
        next: The row in which this line continues because it was wider than the terminal.
        previous: The row from which this line comes.
    """

    __slots__ = (
        "began",
        "cells",
        "is_continued",
        "is_drawn",
        "is_hasty",
        "is_in_log",
        "lines",
        "next",
        "previous",
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
        self.next: ScreenRow | None = None
        self.previous: ScreenRow | None = None

    def __getstate__(self) -> dict[str, object]:
        """Leave out the other rows of the line, which would nest the state as deep as the terminal is high."""
        return {name: getattr(self, name) for name in self.__slots__ if name not in ("next", "previous")}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.next = self.previous = None
        for name, value in state.items():
            setattr(self, name, value)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written, or everything was erased."""
        return not self.raw and not self.under and not self.cells

    def end(self) -> int:
        """Return the column after the last drawing, in cells."""
        if self.cells is not None:
            return len(self.cells)
        return cells.count(self.raw.decode("utf-8", "replace"))

    def is_wider_than(self, columns: int) -> bool:
        """Whether the line does not fit in a row of a terminal."""
        size = len(self.raw)
        if self.cells is None and size <= columns and (b"\t" not in self.raw or cells.TAB_CELLS * size <= columns):
            return False
        return self.lines == 1 and self.end() > columns

    def begin_drawing(self) -> None:
        """Start a drawing: the next bytes overwrite the row from its first column."""
        self.draw([b""])

    def draw(self, drawings: list[bytes]) -> None:
        """Write texts over the row, each from the first column."""
        if not self.is_empty:
            self.under.append(self.raw if self.cells is None else "".join(self.cells).encode())
        self.under += drawings[:-1]
        del self.under[:-DRAWINGS_KEPT]
        self.raw = drawings[-1]
        self.cells = None
        self.is_drawn = self.is_drawn or bool(self.under)

    def fold(self) -> None:
        """Merge all drawings into one text."""
        if self.under:
            self.raw = "".join(self._overlaid()).encode()
            self.under.clear()

    def as_cells(self) -> list[str]:
        """Return the cells of the line, for changes in place."""
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
        """Erase the row."""
        self.raw = b""
        self.under.clear()
        self.cells = None
        self.is_drawn = True
        self.detach()

    def go_on_in(self, row: ScreenRow) -> None:
        """Let the line go on in another row, because it is wider than the terminal."""
        if self.next is not row:
            self.detach()
            if row.previous is not None:
                row.previous.detach()
            self.next, row.previous = row, self

    def detach(self) -> None:
        """Let the line end here."""
        if self.next is not None:
            self.next.previous = None
            self.next = None

    def join(self) -> None:
        """Take over the text of the rows in which this line continues."""
        parts = self.line()
        if len(parts) > 1:
            self.raw = b"".join(part.text() for part in parts)
            self.under.clear()
            self.cells = None
            self.is_drawn = any(part.is_drawn for part in parts)
            for part in parts:
                part.detach()

    def line(self) -> list[ScreenRow]:
        """Return all rows of the line."""
        first = self
        while first.previous is not None:
            first = first.previous
        rows = [first]
        while rows[-1].next is not None:
            rows.append(rows[-1].next)
        return rows

    def text(self) -> bytes:
        """Return the visible text in UTF-8, without the last newline."""
        is_stripped = self.is_drawn and self.next is None
        if self.cells is not None or (self.is_drawn and (self.under or b"\t" in self.raw)):
            text = "".join(self._overlaid() if self.cells is None else self.cells).encode()
        else:
            text = repaired(self.raw)
        return text.rstrip(b" ") if is_stripped else text

    def cut_at(self) -> int:
        """Return where to split a raw line that is too long.

        The position is between two characters, and does not depend on how the line arrived.
        """
        raw = self.raw
        at = 0
        while len(raw) - at > LONG_LINE + _LONGEST_CHARACTER:
            end = at + LONG_LINE
            at = next((place for place in range(end, end - _LONGEST_CHARACTER, -1) if raw[place] & 0xC0 != 0x80), end)
        return at

    def split(self) -> list[ScreenRow]:
        """Return the lines of a block, each as a separate row."""
        if self.lines == 1:
            return [self]
        return [self._copy(raw) for raw in self.raw.split(b"\n")]

    def wrapped(self, columns: int) -> list[ScreenRow]:
        """Return the rows in which a terminal shows the line; the first one is this object.

        A partial character stays at the end of the last row.
        """
        if not self.is_wider_than(columns):
            return [self]
        text, used = codecs.utf_8_decode(b"".join(map(str.encode, self.cells or ())) or self.raw, "replace", False)
        rest = b"" if self.cells else self.raw[used:]
        first, *others = ("".join(row).encode() for row in cells.laid_out(text, columns))
        self.raw, self.cells = first, None
        rows = [self, *map(self._copy, others)]
        rows[-1].raw += rest
        for row, following in itertools.pairwise(rows):
            row.go_on_in(following)
        return rows

    def _copy(self, raw: bytes) -> ScreenRow:
        """Return a row with another text and the same state."""
        row = ScreenRow(self.began, raw)
        row.touched, row.shown = self.touched, self.shown
        row.is_in_log, row.is_hasty, row.is_drawn = self.is_in_log, self.is_hasty, self.is_drawn
        return row


def repaired(raw: bytes) -> bytes:
    """Return valid UTF-8: invalid bytes become U+FFFD, as on a terminal."""
    if raw.isascii():
        return raw
    try:
        raw.decode()
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace").encode()
    return raw
