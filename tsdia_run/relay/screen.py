"""The last lines of a terminal that can still change (pure)."""

from __future__ import annotations

import itertools

from tsdia_run.relay import cells, reflow
from tsdia_run.relay.outlet import Outlet
from tsdia_run.relay.reflow import END
from tsdia_run.relay.row import LONG_LINE, ScreenRow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The size of a screen that is not a terminal: how far up a bar may be redrawn, and no right edge.
HEIGHT = 50
UNBOUNDED = cells.WIDEST
# Larger sizes than a terminal on a real display has.
MOST_ROWS = 250
MOST_COLUMNS = 4096
# A line above the cursor that is unchanged for this long counts as final; bars are redrawn ten times per second.
PATIENCE_S = 0.5


class Screen:
    """Rows and a cursor. Rows that scroll out at the top go to the outlet.

    A line that is wider than the terminal stays one row until the cursor moves elsewhere than to the next line: then
    ``lay_out`` splits it into the rows of the terminal.

    Args:
        rows: The number of rows.
        columns: The number of columns; UNBOUNDED if no terminal wraps the lines.
        interval_s: Upper limit for ``patience_s``.
        outlet: Collects rows for the log.

    Attributes:
        rows: The lines from the top; a row may be a block of plain lines, but not the last one.
        at: Index of the row with the cursor.
        column: The cursor's column in cells, or END.
        height: The number of rows of the terminal.
        columns: The number of columns of the terminal.
        now: The time.
        patience_s: How long a line above the cursor must be unchanged to count as final; grows when it was too short.
        region: The first and last row that scroll; None for all rows.
        is_wrapping: Whether text continues in the next row at the right edge.
        is_alternate: Whether this is the alternate screen.
    """

    def __init__(self, rows: int, columns: int, interval_s: float, outlet: Outlet) -> None:
        self.height, self.columns = rows, columns
        self.is_alternate = False
        self.is_wrapping = True
        self.region: tuple[int, int] | None = None
        self._interval_s = interval_s
        self._outlet = outlet
        self._lines = 1
        self._calm_lines = 0
        self._is_placed = False  # whether it is known which row of the terminal the first row is
        self.now = 0.0
        self.patience_s = PATIENCE_S
        self.rows = [ScreenRow(0.0)]
        self.at = 0
        self.column = END

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_wrapped": [row.next is not None for row in self.rows]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        wrapped = state.pop("_wrapped")
        self.__dict__.update(state)
        for (row, following), is_wrapped in zip(itertools.pairwise(self.rows), wrapped, strict=False):
            if is_wrapped:
                row.go_on_in(following)

    @property
    def row(self) -> ScreenRow:
        """The row with the cursor."""
        return self.rows[self.at]

    @property
    def is_last(self) -> bool:
        """Whether the cursor is in the last row."""
        return self.at == len(self.rows) - 1

    @property
    def is_behind(self) -> bool:
        """Whether the cursor is at the end of its row, and the row is still raw."""
        return self.row.cells is None and (self.column == END or (self.column == 0 and self.row.is_empty))

    @property
    def is_plain(self) -> bool:
        """Whether text and newlines only add to the end of the screen."""
        return self.is_last and self.is_behind and self.region is None and self.is_wrapping

    @property
    def above(self) -> int:
        """The number of rows above the cursor's line, which seem final; 0 on the alternate screen."""
        if self.is_alternate:
            return 0
        at = self.at
        while at and self.rows[at].previous is self.rows[at - 1]:
            at -= 1
        return at

    def touch(self, row: ScreenRow) -> None:
        """Mark a row as about to change."""
        row.touched = self.now
        if row.is_hasty:  # it was not final after all
            self.patience_s = min(self._interval_s, 2 * self.patience_s)
            self._calm_lines = 0
        for part in row.line() if row.is_in_log else ():
            part.is_in_log = part.is_hasty = False

    # Adding rows.

    def push(self, row: ScreenRow) -> None:
        """Add a row below all others, and move the cursor to its end."""
        self.rows.append(row)
        self._lines += row.lines
        while self._lines - self.rows[0].lines >= self.height:
            self._scroll()
        self.at = len(self.rows) - 1
        self.column = END

    def newline(self) -> None:
        """Move to the start of the next row."""
        self.row.fold()
        if self.is_last and self.region is None:
            self.push(ScreenRow(self.now))
        else:
            self.index()
            self.column = 0

    def index(self) -> None:
        """Move to the next row; at the last one, scroll. The screen is laid out."""
        if self.region is not None and self.at == self.region[1]:
            self.scroll(1)
        elif self.at < min(len(self.rows), self.height) - 1:
            self.at += 1
        elif self.at < self.height - 1:
            self.move_to(self.at + 1)
        elif self.region is None:
            column = self.column
            self.push(ScreenRow(self.now))
            self.column = column

    def draw(self, drawings: list[bytes]) -> None:
        """Write texts over the row, each from the first column."""
        self.touch(self.row)
        self.row.draw(drawings)
        self.column = END

    def write(self, text: str) -> None:
        """Write text over the row, from the cursor on."""
        widest = min(self.columns, LONG_LINE)
        while text:
            self.touch(self.row)
            self.row.is_drawn = True
            self.column, used = cells.put(self.row.as_cells(), self.column, text, widest)
            text = text[used:]
            if text and self.is_wrapping:
                self._wrap()
            elif text:
                text = text[-1]
                self.column = widest - max(1, cells.width(text))

    def _wrap(self) -> None:
        """Go on in the next row: the cursor's row is full."""
        row = self.row
        if self.columns == UNBOUNDED:  # so long a line is logged in pieces
            self.let_begin(row)
            row.cells = []
        else:
            self.index()
            row.go_on_in(self.row)
        self.column = 0

    def _scroll(self) -> None:
        row = self.rows.pop(0)
        self._is_placed = True
        self._lines -= row.lines
        self.at -= 1
        self._outlet.emit((row,), self.now)
        row.detach()
        self._calm_lines += row.lines
        if self._calm_lines >= self.height:
            self.patience_s = PATIENCE_S

    def scroll(self, steps: int, *, is_logged: bool = True) -> None:
        """Scroll the region up, or down if ``steps`` is negative. The rows that leave it at the top are logged."""
        at = self.at
        first, last = self.region or (0, self.height - 1)
        self.move_to(last)  # creates the rows of the region
        self.at = at
        for _ in range(min(abs(steps), last - first + 1)):
            if steps > 0 and is_logged:
                if first:  # the row above the region stays
                    self.rows[first - 1].detach()
                self._outlet.emit(self.rows[first : first + 1], self.now)
            self.remove(first if steps > 0 else last)
            self.insert(last if steps > 0 else first)

    def remove(self, index: int) -> None:
        """Remove a row; those below move up."""
        row = self.rows.pop(index)
        row.detach()
        if row.previous is not None:
            row.previous.detach()

    def insert(self, index: int) -> None:
        """Insert a blank row; those below move down."""
        if index and index < len(self.rows):
            self.rows[index - 1].detach()
        self.rows.insert(index, ScreenRow(self.now))

    # Logging rows.

    def clear_for_block(self) -> None:
        """Log every row: at least a screen of plain lines follows."""
        self._outlet.emit(self.rows, self.now)
        self.rows.clear()
        self._lines = 0
        self._calm_lines = self.height
        self._is_placed = True

    def flush(self) -> None:
        """Log every row and start with an empty screen. Blank rows at the cursor and below it are not lines."""
        above = self.above
        while len(self.rows) > above and not self.rows[-1].is_continued and not self.rows[-1].text():
            self.remove(len(self.rows) - 1)
        self._outlet.emit(self.rows, self.now)
        self.rows = [ScreenRow(self.now)]
        self._lines = 1
        self.at = 0
        self.column = END
        self.region = None

    def place(self) -> None:
        """Log every row before the first move to a numbered row of the terminal.

        Until then, the terminal may show these rows further down, where the display that follows does not reach them.
        """
        self.lay_out()
        if not self._is_placed and not self.is_alternate:
            self._is_placed = True
            end = len(self.rows)
            while end and not self.rows[end - 1].text():
                end -= 1
            self._outlet.emit(self.rows[:end], self.now)

    def clear(self) -> None:
        """Log every row, and let blank ones take their places; the cursor stays."""
        self.lay_out()
        at, column, region = self.at, self.column, self.region
        self.flush()
        self.region = region
        self.move_to(at)
        for row in self.rows:
            row.is_in_log = True
        self.column = column

    def change(self, *, is_alternate: bool) -> None:
        """Switch to the alternate screen or back; the last contents of the screen that is left are logged."""
        if is_alternate != self.is_alternate:
            self.flush()
            self.is_alternate = is_alternate
            self._is_placed = False

    def cut(self, row: ScreenRow) -> None:
        """Log the start of a very long raw line at the end of the screen."""
        if self.columns == UNBOUNDED:
            at = 0 if row.is_in_log else row.cut_at()
        elif row.raw.isascii() and b"\t" not in row.raw:
            at = 0 if row.is_in_log else (len(row.raw) // self.columns - self.height) * self.columns
        else:
            self.lay_out()
            self.column, at = END, 0
        if at > 0:
            rest = row.raw[at:]
            row.raw = row.raw[:at]
            self.let_begin(row)
            row.raw = rest

    def let_begin(self, row: ScreenRow) -> None:
        """Log the start of a line that continues, and all rows above it."""
        self._outlet.emit(self.rows[: self.rows.index(row)], self.now)
        self._outlet.emit_beginning(row)

    # The rows of the terminal.

    def lay_out(self) -> None:
        """Let each row be one row of the terminal, and the cursor's column a number."""
        row = self.row
        if self.column == END and not row.is_wider_than(self.columns):
            self.column = row.end()
        row.fold()
        if any(row.lines > 1 or row.is_wider_than(self.columns) for row in self.rows):
            self.rows, self.at, self.column = reflow.split(self.rows, self.at, self.column, self.columns)
            self._lines = len(self.rows)
        if self.column == END:
            self.column = self.row.end()
        for row in self.rows if self.columns == UNBOUNDED else ():
            if len(row.raw) > LONG_LINE:
                self.cut(row)
        while self._lines > self.height:
            self._scroll()
        self.at = max(0, self.at)

    def move_to(self, row: int) -> None:
        """Move the cursor to a row of the terminal. The screen is laid out."""
        self.at = min(max(0, row), self.height - 1)
        while len(self.rows) <= self.at:
            self.rows.append(ScreenRow(self.now))
            self._lines += 1

    def resize(self, rows: int, columns: int) -> None:
        """Lay out the lines for another size of the terminal."""
        self.lay_out()
        self.rows, self.at, self.column = reflow.join(self.rows, self.at, self.column)
        self._lines = len(self.rows)
        self.height, self.columns, self.region = rows, columns, None
        self.lay_out()
        self.column = min(self.column, columns)
