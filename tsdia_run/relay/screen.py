"""The last lines of a terminal that can still change (pure)."""

from __future__ import annotations

from tsdia_run.relay import cells
from tsdia_run.relay.outlet import Outlet
from tsdia_run.relay.row import LONG_LINE, ScreenRow

# A line above the cursor that is unchanged for this long counts as final; bars are redrawn ten times per second.
PATIENCE_S = 0.5
# The cursor is after the last byte of a row that is still raw.
END = -1
_MOST_COLUMNS = 4096
_MOST_STEPS = 1000
# Height of the alternate screen. The real height is unknown, and lines of a full-screen display must not scroll out.
_ALTERNATE_HEIGHT = 200


class Screen:
    """Rows and a cursor, as wide as needed. Rows that scroll out at the top go to the outlet.

    Args:
        height: The number of lines.
        interval_s: Upper limit for ``patience_s``.
        outlet: Collects rows for the log.

    Attributes:
        rows: The lines from the top; a row may be a block of plain lines, but not the last one.
        at: Index of the row with the cursor.
        column: The cursor's column in cells, or END.
        now: The time.
        patience_s: How long a line above the cursor must be unchanged to count as final; grows when it was too short.
    """

    def __init__(self, height: int, interval_s: float, outlet: Outlet) -> None:
        self._main_height = self._height = height
        self._is_alternate = False
        self._interval_s = interval_s
        self._outlet = outlet
        self._lines = 1
        self._calm_lines = 0
        self.now = 0.0
        self.patience_s = PATIENCE_S
        self.rows = [ScreenRow(0.0)]
        self.at = 0
        self.column = END

    @property
    def row(self) -> ScreenRow:
        """The row with the cursor."""
        return self.rows[self.at]

    @property
    def is_behind(self) -> bool:
        """Whether the cursor is at the end of its row, and the row is still raw."""
        return self.row.cells is None and (self.column == END or (self.column == 0 and self.row.is_empty))

    @property
    def above(self) -> int:
        """The number of rows above the cursor, which seem final; 0 on the alternate screen."""
        return 0 if self._is_alternate else self.at

    def touch(self, row: ScreenRow) -> None:
        """Mark a row as about to change."""
        row.touched = self.now
        if row.is_hasty:  # it was not final after all
            self.patience_s = min(self._interval_s, 2 * self.patience_s)
            self._calm_lines = 0
        row.is_in_log = row.is_hasty = False

    def push(self, row: ScreenRow) -> None:
        """Add a row below all others, and move the cursor to its end."""
        self.rows.append(row)
        self._lines += row.lines
        while self._lines - self.rows[0].lines >= self._height:
            self._scroll()
        self.at = len(self.rows) - 1
        self.column = END

    def clear_for_block(self) -> None:
        """Log every row: at least a screen of plain lines follows."""
        self._outlet.emit(self.rows, self.now)
        self.rows.clear()
        self._lines = 0
        self._calm_lines = self._height

    def flush(self) -> None:
        """Log every row and start with an empty screen. Blank rows at the cursor and below it are not lines."""
        while len(self.rows) > self.above and not self.rows[-1].is_continued and not self.rows[-1].text():
            self.rows.pop()
        self._outlet.emit(self.rows, self.now)
        self.rows = [ScreenRow(self.now)]
        self._lines = 1
        self.at = 0
        self.column = END

    def change(self, *, is_alternate: bool) -> None:
        """Switch to the alternate screen or back; the last contents of the screen that is left are logged."""
        if is_alternate != self._is_alternate:
            self.flush()
            self._is_alternate = is_alternate
            self._height = _ALTERNATE_HEIGHT if is_alternate else self._main_height

    def newline(self) -> None:
        """Move to the start of the next row."""
        self.row.fold()
        if self.at == len(self.rows) - 1:
            self.push(ScreenRow(self.now))
        else:
            self.at += 1
            self.column = 0

    def carriage_return(self) -> None:
        """Move to the start of the row."""
        self.column = 0

    def draw(self, drawings: list[bytes]) -> None:
        """Write texts over the row, each from the first column."""
        self.touch(self.row)
        self.row.draw(drawings)
        self.column = END

    def backspace(self, steps: int) -> None:
        """Move the cursor to the left."""
        self.column = max(0, self._numeric_column() - steps)

    def control(self, final: bytes, parameters: bytes) -> None:
        """Apply an active sequence (see escapes.py), given by its last byte."""
        first, _, second = parameters.partition(b";")
        how = int(first or 0)
        steps = min(how or 1, _MOST_STEPS)
        if final in b"AF":
            self._move_rows(-steps)
        elif final in b"BE":
            self._move_rows(steps)
        elif final == b"C":
            self.column = min(self._numeric_column() + steps, _MOST_COLUMNS)
        elif final == b"D":
            self.backspace(steps)
        elif final == b"G":
            self.column = steps - 1
        elif final == b"J" and (how < 2 or self._is_alternate):
            self._erase_rows(how)
        elif final in b"Hf" and self._is_alternate:
            self._move_rows(0)
            self._move_rows(steps - 1 - self.at)
            self.column = min(max(1, int(second.partition(b";")[0] or 1)), _MOST_COLUMNS) - 1
        elif final in b"HfJ":  # cleared, or written from its top: its contents are logged
            self.flush()
        else:
            self._edit(final, how, steps)
        if final in b"EF":
            self.column = 0

    def _scroll(self) -> None:
        row = self.rows.pop(0)
        self._lines -= row.lines
        self.at -= 1
        self._outlet.emit((row,), self.now)
        self._calm_lines += row.lines
        if self._calm_lines >= self._height:
            self.patience_s = PATIENCE_S

    def _numeric_column(self) -> int:
        return self.row.end() if self.column == END else self.column

    def _move_rows(self, steps: int) -> None:
        self.column = self._numeric_column()
        self.row.fold()
        if any(row.lines > 1 for row in self.rows):
            self.rows = [line for row in self.rows for line in row.split()]
            self.at = len(self.rows) - 1
        for row in self.rows:
            if len(row.raw) > LONG_LINE:
                self.cut(row)
        while self._lines > self._height:
            self._scroll()
        self.at = min(max(0, self.at + steps), self._height - 1)
        while len(self.rows) <= self.at:
            self.rows.append(ScreenRow(self.now))
            self._lines += 1

    def cut(self, row: ScreenRow) -> None:
        """Log a very long raw line, except its last bytes."""
        end = 0 if row.is_in_log else row.cut_at()
        if end:
            rest = row.raw[end:]
            row.raw = row.raw[:end]
            self.let_begin(row)
            row.raw = rest

    def let_begin(self, row: ScreenRow) -> None:
        """Log the start of a line that continues, and all rows above it."""
        self._outlet.emit(self.rows[: self.rows.index(row)], self.now)
        self._outlet.emit_beginning(row)

    def _erase_rows(self, how: int) -> None:
        self._move_rows(0)
        for row in {0: self.rows[self.at + 1 :], 1: self.rows[: self.at]}.get(how, self.rows):
            if not row.is_empty:
                self.touch(row)
                row.clear()
        self._edit(b"K", how, 1)

    def _edit(self, final: bytes, how: int, steps: int) -> None:
        """Erase, delete or insert in the row."""
        row = self.row
        is_behind_all = self.column == END and not row.under
        if row.is_empty or (is_behind_all and (final != b"K" or how == 0)):
            return
        self.touch(row)
        row.is_drawn = True
        column = self.column = self._numeric_column()
        if final == b"K" and (how == 2 or (how == 0 and column == 0)):
            row.clear()
            return
        line = row.as_cells()
        if final == b"K":
            cells.blank(line, *((column, len(line)) if how == 0 else (0, column + 1)))
        elif final == b"X":
            cells.blank(line, column, column + steps)
        elif final == b"P":
            del line[column : column + steps]
        elif column < len(line):
            line[column:column] = " " * steps
            del line[LONG_LINE:]
