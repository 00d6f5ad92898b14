"""Turn screen rows into pieces of the log (pure)."""

from __future__ import annotations

from tsdia_run.relay.row import ScreenRow, repaired

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Outlet:
    """Collects rows for the log.

    Args:
        stamp: Returns the timestamp of a log line from its start time; None for no timestamps.
    """

    def __init__(self, stamp: Callable[[float], bytes] | None) -> None:
        self._stamp = stamp
        self._pieces: list[bytes | memoryview] = []
        # The log ends with the start of this row, without a newline.
        self._unfinished: ScreenRow | None = None

    def take(self) -> list[bytes | memoryview]:
        """Return the pieces since the last call."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def emit(self, rows: Iterable[ScreenRow], now: float) -> None:
        """Add rows to the log, except those that it already has."""
        for row in rows:
            if row.is_in_log:
                continue
            if row.next is not None:
                self._emit_beginning(row.text(), row, row.next)
            else:
                self._emit(row.text() + b"\n", row.began, row)
            row.is_in_log = True
            row.shown = now

    def emit_beginning(self, row: ScreenRow) -> None:
        """Add the start of a line that is not complete."""
        self._emit_beginning(repaired(row.raw) if row.cells is None else "".join(row.cells).encode(), row, row)

    def _emit_beginning(self, text: bytes, row: ScreenRow, following: ScreenRow) -> None:
        self._emit(text, row.began, row)
        following.is_continued = True
        self._unfinished = following

    def emit_block(self, data: bytes, start: int, end: int, began: float) -> None:
        """Add complete plain lines to the log, with their newlines: ``data`` from ``start`` to ``end``."""
        if self._stamp is None and self._unfinished is None and data.isascii():
            self._pieces.append(memoryview(data)[start:end])  # most output takes this path, without a copy
        else:
            self._emit(repaired(data[start:end]), began, None)

    def _emit(self, text: bytes, began: float, row: ScreenRow | None) -> None:
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None:
            unfinished.is_continued = False
            if row is not unfinished:
                self._pieces.append(b"\n")
        if self._stamp is not None:
            stamp = self._stamp(began)
            text = text[:-1].replace(b"\n", b"\n" + stamp) + text[-1:]
            if row is None or row is not unfinished:
                self._pieces.append(stamp)
        self._pieces.append(text)
