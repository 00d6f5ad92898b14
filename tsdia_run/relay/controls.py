"""Apply the active sequences of a terminal (see escapes.py) to a screen (pure)."""

from __future__ import annotations

from tsdia_run.relay import cells
from tsdia_run.relay.reflow import END
from tsdia_run.relay.row import LONG_LINE
from tsdia_run.relay.screen import MOST_COLUMNS, Screen

_MOST_STEPS = 1000


class Controls:
    """The control functions of a terminal.

    Args:
        screen: The screen that they change.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._saved = (0, 0)
        self._is_home = False  # whether the last sequence moved the cursor to the first cell of the terminal

    def carriage_return(self) -> None:
        """Move to the start of the row."""
        if self._screen.row.is_wider_than(self._screen.columns):
            self._screen.lay_out()
        self._screen.column = 0

    def backspace(self, steps: int) -> None:
        """Move the cursor to the left."""
        screen = self._screen
        if screen.column == END:
            if screen.row.is_wider_than(screen.columns):
                screen.lay_out()
            else:
                screen.column = screen.row.end()
        screen.column = max(0, min(screen.column, screen.columns - 1) - steps)

    def sequence(self, final: bytes, parameters: bytes) -> None:
        """Apply a control sequence, given by its last byte and its parameters."""
        screen = self._screen
        first, _, rest = parameters.partition(b";")
        how, second = int(first or 0), int(rest.partition(b";")[0] or 0)
        steps = min(how or 1, _MOST_STEPS)
        was_home, self._is_home = self._is_home, final in b"Hf" and steps == 1 and second < 2
        if final in b"K@PX":
            self._edit(final, how, steps)
        elif final == b"D":
            self.backspace(steps)
        elif final == b"J":
            self._erase(how, was_home=was_home)
        elif final in b"Hfd":
            screen.place()
            screen.move_to(steps - 1)
            if final != b"d":
                self._to_column(max(1, second) - 1)
        elif final == b"r":
            self._set_region(steps - 1, min(second or screen.height, screen.height) - 1)
        elif final == b"s" and not parameters:
            self.save()
        elif final == b"u" and not parameters:
            self.restore()
        else:
            screen.lay_out()
            self._move_or_scroll(final, steps)

    def _move_or_scroll(self, final: bytes, steps: int) -> None:
        """Apply a sequence whose parameter is a number of steps."""
        screen = self._screen
        if final in b"AF":
            self._move_rows(-steps)
        elif final in b"BEe":
            self._move_rows(steps)
        elif final in b"Ca":
            self._to_column(screen.column + steps)
        elif final in b"G`":
            self._to_column(steps - 1)
        elif final == b"Z":
            self._to_column(max(0, (screen.column - 1) // cells.TAB_CELLS - steps + 1) * cells.TAB_CELLS)
        elif final == b"b":
            self._repeat(steps)
        elif final == b"S":
            screen.scroll(steps)
        elif final == b"T":
            screen.scroll(-steps)
        elif final in b"LM":
            self._shift_rows(steps, is_insertion=final == b"L")
        if final in b"EF":
            screen.column = 0

    def escape(self, letter: bytes) -> None:
        """Apply an escape sequence, given by its letter."""
        screen = self._screen
        if letter == b"7":
            self.save()
        elif letter == b"8":
            self.restore()
        elif letter == b"c":
            screen.change(is_alternate=False)
            screen.flush()
            screen.is_wrapping = True
        elif letter == b"E":
            screen.newline()
        else:
            screen.lay_out()
            if letter == b"D":
                screen.index()
            elif screen.at == (screen.region or (0,))[0]:
                screen.scroll(-1)
            else:
                screen.move_to(screen.at - 1)

    def mode(self, numbers: bytes, *, is_set: bool) -> None:
        """Set or reset private modes."""
        for number in numbers.split(b";"):
            if number in (b"1049", b"1047", b"47"):
                self._screen.change(is_alternate=is_set)
            elif number == b"7":
                self._screen.is_wrapping = is_set

    def save(self) -> None:
        """Remember the position of the cursor."""
        self._screen.lay_out()
        self._saved = (self._screen.at, self._screen.column)

    def restore(self) -> None:
        """Move the cursor to the remembered position."""
        self._screen.lay_out()
        row, self._screen.column = self._saved
        self._screen.move_to(row)

    def _to_column(self, column: int) -> None:
        self._screen.column = min(column, self._screen.columns - 1, MOST_COLUMNS)

    def _move_rows(self, steps: int) -> None:
        screen = self._screen
        first, last = screen.region or (0, screen.height - 1)
        top = first if screen.at >= first else 0
        bottom = last if screen.at <= last else screen.height - 1
        screen.move_to(min(max(top, screen.at + steps), bottom))

    def _set_region(self, first: int, last: int) -> None:
        screen = self._screen
        screen.place()
        if first < last:
            screen.region = None if (first, last) == (0, screen.height - 1) else (first, last)
            screen.move_to(0)
            screen.column = 0

    def _shift_rows(self, steps: int, *, is_insertion: bool) -> None:
        """Insert blank rows at the cursor or delete rows there; the rows below it move, up to the end of the region."""
        screen = self._screen
        first, last = screen.region or (0, screen.height - 1)
        if first <= screen.at <= last:
            outer, screen.region = screen.region, (screen.at, last)
            screen.scroll(-steps if is_insertion else steps, is_logged=False)
            screen.region = outer
            screen.column = 0

    def _erase(self, how: int, *, was_home: bool) -> None:
        """Erase in the display. What a cleared screen showed is logged first."""
        screen = self._screen
        if how > 2:
            return
        screen.lay_out()
        if not screen.is_alternate and (how == 2 or (how == 0 and was_home and screen.at == screen.column == 0)):
            screen.clear()
            return
        for row in {0: screen.rows[screen.at + 1 :], 1: screen.rows[: screen.at]}.get(how, screen.rows):
            if not row.is_empty:
                screen.touch(row)
                row.clear()
        self._edit(b"K", how, 1)

    def _edit(self, final: bytes, how: int, steps: int) -> None:
        """Erase, delete or insert in the row."""
        screen = self._screen
        if screen.row.is_wider_than(screen.columns):
            screen.lay_out()
        row = screen.row
        is_behind_all = screen.column == END and not row.under
        if row.is_empty and row.next is not None and final == b"K" and how != 1 and screen.column < screen.columns:
            screen.touch(row)
            row.detach()
        if row.is_empty or (is_behind_all and (final != b"K" or how == 0)):
            return
        screen.touch(row)
        row.is_drawn = True
        column = screen.column = row.end() if screen.column == END else screen.column
        if final == b"K" and (how == 2 or (how == 0 and column == 0)):
            row.clear()
            return
        line = row.as_cells()
        if final == b"K":
            cells.blank(line, *((column, len(line)) if how == 0 else (0, column + 1)))
            if how == 0 and column < screen.columns:
                row.detach()
        elif final == b"X":
            cells.blank(line, column, column + steps)
        elif final == b"P":
            del line[column : column + steps]
            if row.next is not None:  # the line continues after the blank end of the row
                line += " " * (screen.columns - len(line))
        elif column < len(line):
            line[column:column] = " " * steps
            del line[min(screen.columns, LONG_LINE) :]

    def _repeat(self, times: int) -> None:
        """Write the character before the cursor again."""
        screen = self._screen
        line = screen.row.as_cells()
        before = line[: screen.column]
        char = "".join(before[-2:])[-1:] if before and not before[-1] else "".join(before[-1:])
        if char:
            screen.touch(screen.row)
            screen.row.is_drawn = True
            screen.write(char * times)
