"""Find a position in a log: by time, or by a number of lines before the end.

Each log has an index, ``.training_X.times``, with lines ``TIME PART OFFSET``: the time in seconds since the epoch, and
the position at which the next line began at that time. The index has at most one line per five seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.files.fields import read_bounded
from tsdia_run.files.opening import open_regular
from tsdia_run.report.logs.parts import LogParts, Position, members, text_of

_INTERVAL_S = 5.0
_BLOCK_BYTES = 256 * 1024
# Years of output.
_MAX_INDEX_BYTES = 128 * 1024 * 1024
# Text without a newline for this long is not read further back: it may be an empty file of many terabytes.
_MAX_LINE_BYTES = 16 * 1024 * 1024


def at_time(live: Path, since_s: float) -> Position | None:
    """Find the first line written at or after ``since_s`` (seconds since the epoch), exact to 5 s.

    Returns:
        A position up to 5 s before that line; None if nothing was written since. Without an index, the start of the
        log or None.
    """
    parts = LogParts(live)
    try:
        entries = read_bounded(parts.times, _MAX_INDEX_BYTES).split(b"\n")
    except (OSError, ValueError):
        return Position() if _changed_s(live) >= since_s else None
    found = None
    # From the end, since the clock may have been set back in between.
    for entry in reversed(entries):
        numbers = _entry(entry)
        if numbers is None:
            continue
        if numbers[0] <= since_s - _INTERVAL_S:
            break
        found = Position(int(numbers[1]), int(numbers[2]))
    return found


def _entry(line: bytes) -> tuple[float, int, int] | None:
    try:
        time_s, part, offset = line.split()
        return float(time_s), int(part), int(offset)
    except ValueError:
        return None


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def at_end(live: Path) -> Position:
    """Return the position of the next line."""
    try:
        size = live.stat().st_size
    except OSError:
        size = 0
    return Position(LogParts(live).live_number(), size)


@dataclass(frozen=True)
class Tail:
    """The end of a log.

    Attributes:
        start: Its first position.
        lines: Its number of lines.
    """

    start: Position
    lines: int


def at_tail(live: Path, count: int) -> Tail:
    """Find the start of the last ``count`` lines; the start of the log if it has fewer lines."""
    parts, found, is_last, line_bytes = LogParts(live), 0, True, 0
    numbers = parts.numbers()
    last = numbers[-1] + 1 if numbers else 1
    start = Position(last)
    for number in (last, *reversed(numbers)):
        path = live if number == last else parts.rotated(number)
        for offset, text in _blocks_from_end(path):
            if is_last and not text.endswith(b"\n"):
                found += 1  # a line without a newline
            is_last = False
            ends = text.count(b"\n")
            if found + ends > count:
                return Tail(Position(number, offset + _after(text, count - found)), count)
            found += ends
            start = Position(number, offset)
            line_bytes = 0 if ends else line_bytes + len(text)
            if line_bytes > _MAX_LINE_BYTES:
                return Tail(start, found)
    return Tail(start, found)


def _after(text: bytes, ends: int) -> int:
    """Return the offset of the part of a text that has ``ends`` newlines, and one more newline before it."""
    at = len(text)
    for _ in range(ends + 1):
        at = text.rfind(b"\n", 0, at)
    return at + 1


def _blocks_from_end(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the text of a part in blocks from the end, each with its offset."""
    try:
        with open_regular(path, follows_links=False) as file:
            found = list(members(file.fileno()))
            for member in reversed(found):
                yield member.text_at, next(text_of(path, member.text_at))
            at = 0 if found else os.fstat(file.fileno()).st_size
            while at > 0:
                size = min(_BLOCK_BYTES, at)
                at -= size
                yield at, os.pread(file.fileno(), size, at)
    except OSError:
        return
