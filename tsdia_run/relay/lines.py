"""Turn terminal output into the lines that a user would read at the end (pure).

The model is a screen with the size of the terminal. A line that scrolls out at the top can't change any more and is
logged. A line that the terminal wraps is one line of the log. So a redrawn bar, or a group of bars, leaves its last
state. Two rules show a reader of the log progress before that: a line that has not changed for a while is logged early
(if it changes later, it is logged again), and a line that keeps changing is logged once per interval. Without
``settle`` the log depends only on the bytes, however they were split.

Plain output does not go through the screen line by line: complete blocks of it pass through.
"""

from __future__ import annotations

import codecs
import re

from tsdia_run.relay import cells, escapes
from tsdia_run.relay.controls import Controls
from tsdia_run.relay.escapes import Cleaner
from tsdia_run.relay.outlet import Outlet
from tsdia_run.relay.reflow import END
from tsdia_run.relay.row import DRAWINGS_KEPT, LONG_LINE, ScreenRow
from tsdia_run.relay.screen import HEIGHT, MOST_COLUMNS, MOST_ROWS, UNBOUNDED, Screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Only the last lines of a read are processed one by one.
_BLOCK_BYTES = 16 * 1024
# A drawing of a bar is at most this long; longer text is processed character by character.
_BAR_BYTES = 4096
# A terminal that is smaller has not been given a size.
_FEWEST_ROWS, _FEWEST_COLUMNS = 2, 4

_MOVING = re.compile(rb"[\r\x08\x1b]")
_TOKEN = re.compile(rb"[^\r\x08\x1b]+|\r+|\x08+|" + escapes.ACTIVE)


class LineModel:
    """One stream of output.

    Args:
        height: The number of rows of the terminal.
        columns: The number of its columns; UNBOUNDED if the output goes to no terminal.
        interval_s: How often a line that keeps changing is logged.
        stamp: Returns the timestamp of a log line from its start time; None for no timestamps.

    Attributes:
        is_settled: Whether ``settle`` has nothing to return, now or later.
    """

    def __init__(
        self,
        *,
        height: int = HEIGHT,
        columns: int = UNBOUNDED,
        interval_s: float = 30.0,
        stamp: Callable[[float], bytes] | None = None,
    ) -> None:
        self._interval_s = interval_s
        self._outlet = Outlet(stamp)
        self._screen = Screen(height, columns, interval_s, self._outlet)
        self._controls = Controls(self._screen)
        self._cleaner = Cleaner()
        self._carry = b""  # a partial character
        self.is_settled = True

    def resize(self, height: int, columns: int) -> None:
        """Follow a change of the terminal's size; zeros mean that it has no size."""
        self._screen.resize(*_bounded(height, columns))

    def feed(self, data: bytes, now: float) -> list[bytes | memoryview]:
        """Process output.

        Args:
            data: Any piece of the stream.
            now: Time in seconds.

        Returns:
            The data to append to the log.
        """
        self._screen.now = now
        self.is_settled = False
        last = self._screen.rows[-1]
        if last.is_empty and not last.is_continued:
            last.began = last.shown = now
        self._process(self._carry + self._cleaner.feed(data))
        return self._outlet.take()

    def _process(self, data: bytes) -> None:
        self._carry = b""
        if self._screen.is_plain and b"\r" not in data and b"\x1b" not in data and b"\b" not in data:
            self._plain(data)
        else:
            self._mixed(data)

    def settle(self, now: float) -> list[bytes | memoryview]:
        """Return lines that seem final, and changing lines that were not logged for an interval."""
        screen = self._screen
        screen.now = now
        self.is_settled = True
        is_held = False
        above = screen.above
        for index, row in enumerate(screen.rows):
            if row.previous is not None:
                continue
            line = row.line()
            is_above = index < above
            if all(part.is_in_log for part in line) or not (is_above or (row.text() and not row.is_continued)):
                continue
            is_final = is_above and not is_held and now - max(part.touched for part in line) >= screen.patience_s
            if is_final or now - row.shown >= self._interval_s:
                self._outlet.emit(line, now)
                for part in line:
                    part.is_hasty = is_final
            else:
                is_held = True  # the lines below it wait, to keep the order
                self.is_settled = False
        return self._outlet.take()

    def complete(self) -> list[bytes | memoryview]:
        """Return every line above the cursor: another stream is about to write."""
        self._outlet.emit(self._screen.rows[: self._screen.above], self._screen.now)
        return self._outlet.take()

    def finish(self, now: float) -> list[bytes | memoryview]:
        """Return everything: the stream has ended."""
        self._screen.now = now
        self._process(self._carry + self._cleaner.finish())
        carry, self._carry = self._carry, b""
        if carry:
            self._text(carry, is_last=False)
        self._screen.flush()
        return self._outlet.take()

    def last_texts(self, count: int) -> list[str]:
        """Return the last non-blank lines of the screen: the cursor's line, then from the bottom up."""
        rows = [self._screen.row, *self._screen.rows[: -count - 1 : -1]]
        texts = (row.text().rpartition(b"\n")[2].decode() for row in rows)
        return [text for text in texts if text.strip()]

    def to_fresh_line(self) -> bytes:
        """Return the control characters that move the terminal's cursor to a blank line below everything."""
        screen = self._screen
        if screen.is_alternate:  # the row to which the terminal returns is not known
            return b"\r\n"
        screen.lay_out()
        last = max((index for index, row in enumerate(screen.rows) if row.text()), default=-1)
        steps = max(0, last + 1 - screen.at)
        return b"\r\n" * steps or (b"\r" if screen.column else b"")

    # Text and newlines at the end of the screen.

    def _plain(self, data: bytes) -> None:
        screen = self._screen
        screen.column = END
        end = data.rfind(b"\n") + 1
        if end:
            first = data.find(b"\n") + 1
            self._append(data[: first - 1], is_last=False)
            screen.row.fold()
            if end - first > _BLOCK_BYTES:
                first = self._pass_through(data, first, end)
            if first < end:
                screen.push(ScreenRow(screen.now, data[first : end - 1], data.count(b"\n", first, end)))
            screen.push(ScreenRow(screen.now))
        if end < len(data):
            self._append(data[end:], is_last=True)

    def _pass_through(self, data: bytes, first: int, end: int) -> int:
        """Log a block except its last lines, which may still change.

        Returns:
            The start of these last lines.
        """
        start = end - _BLOCK_BYTES // 2
        if data.count(b"\n", start, end) <= self._screen.height:
            return first
        start = data.find(b"\n", start) + 1
        self._screen.clear_for_block()
        self._outlet.emit_block(data, first, start, self._screen.now)
        return start

    def _append(self, data: bytes, *, is_last: bool) -> None:
        """Append text to the raw row at the cursor."""
        screen, row = self._screen, self._screen.row
        screen.touch(row)
        row.raw += data
        can_wait = screen.is_plain and not row.under
        if (not can_wait and row.is_wider_than(screen.columns)) or (row.is_drawn and len(row.raw) > _BAR_BYTES):
            raw, row.raw = row.raw, b""
            row.as_cells()
            screen.column = 0
            screen.write(self._decoded(raw, is_last=is_last))
        elif len(row.raw) > LONG_LINE:
            screen.cut(row)

    # Text with cursor movements.

    def _mixed(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            if self._screen.is_plain:
                found = _MOVING.search(data, at)
                start = data.rfind(b"\n", at, found.start()) + 1 if found else len(data)
                if start > at:
                    self._plain(data[at:start])
                    at = start
                    continue
            end = data.find(b"\n", at)
            if end < 0:
                self._line(data[at:], is_last=True)
                return
            self._line(data[at:end], is_last=False)
            self._screen.newline()
            at = end + 1

    def _line(self, line: bytes, *, is_last: bool) -> None:
        """Process the text between two newlines."""
        if b"\x1b" in line or b"\b" in line:
            for token in _TOKEN.finditer(line):
                self._token(token, is_last=is_last and token.end() == len(line))
            return
        first, returned, drawn = line.partition(b"\r")
        if first:
            self._text(first, is_last=is_last and not returned)
        if not returned:
            return
        self._controls.carriage_return()
        drawings = _last_drawings(drawn, self._screen.columns)
        if drawings is None:
            for drawing in drawn.split(b"\r"):
                self._controls.carriage_return()
                if drawing:
                    self._text(drawing, is_last=is_last)
        elif drawings:
            self._screen.draw(drawings)
            if drawn.endswith(b"\r"):
                self._controls.carriage_return()

    def _token(self, token: re.Match[bytes], *, is_last: bool) -> None:
        text = token.group()
        parameters, final, letter, numbers, switch = token.group(1, 2, 3, 4, 5)
        if final:
            self._controls.sequence(final, parameters)
        elif letter:
            self._controls.escape(letter)
        elif switch:
            self._controls.mode(numbers, is_set=switch == b"h")
        elif text[0] == 0x0D:
            self._controls.carriage_return()
        elif text[0] == 0x08:
            self._controls.backspace(len(text))
        else:
            self._text(text, is_last=is_last)

    def _text(self, piece: bytes, *, is_last: bool) -> None:
        screen = self._screen
        row = screen.row
        if screen.is_behind:
            screen.column = END
            self._append(piece, is_last=is_last)
            return
        if screen.column == 0:
            row.begin_drawing()
            screen.column = END
            self._append(piece, is_last=is_last)
            return
        text = self._decoded(piece, is_last=is_last)
        if text:
            if screen.column == END:
                screen.column = row.end()
            screen.write(text)

    def _decoded(self, piece: bytes, *, is_last: bool) -> str:
        """Decode text; keep a partial character for the next bytes."""
        text, used = codecs.utf_8_decode(piece, "replace", not is_last)
        if used < len(piece):
            self._carry = piece[used:] + self._carry
        return text


def _last_drawings(drawn: bytes, columns: int) -> list[bytes] | None:
    """Return the last texts between carriage returns that a row keeps; None if each one matters."""
    parts = drawn.split(b"\r")
    widest = max(map(len, parts))
    if widest >= LONG_LINE:  # a text of this length is logged
        return None
    if widest > columns or (columns < UNBOUNDED and b"\t" in drawn):
        text = drawn.decode("utf-8", "replace")
        if "\t" in text or not cells.is_even(text) or max(map(len, text.split("\r"))) > columns:
            return None
    texts = [part for part in parts if part]
    drawings = texts[-DRAWINGS_KEPT - 1 :]
    if max(map(len, drawings), default=0) > _BAR_BYTES:
        return None
    if len(texts) > len(drawings) and b"\t" in drawn:
        return None
    return drawings


def _bounded(height: int, columns: int) -> tuple[int, int]:
    """Return the size of a screen for a size that a terminal reports."""
    if height < _FEWEST_ROWS or columns < _FEWEST_COLUMNS:
        return HEIGHT, UNBOUNDED
    return min(height, MOST_ROWS), min(columns, MOST_COLUMNS)
