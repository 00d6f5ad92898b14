"""Where in a log to begin: at a time, or so many lines before the end.

Beside a log stands ``.training_X.times``: lines ``TIME PART OFFSET``, the time in seconds since the epoch and the place
at which the next line then began, at most one in five seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.files.fields import open_regular
from tsdia_run.report.logs.parts import LogParts, Position, members, text_of

_INTERVAL_S = 5.0
_BLOCK_BYTES = 256 * 1024


def at_time(live: Path, since_s: float) -> Position | None:
    """Where the lines begin that were written at ``since_s`` (seconds since the epoch) or later, or up to 5 s before.

    Returns:
        The position; None where nothing was written since. A log without an index is all or nothing.
    """
    parts = LogParts(live)
    try:
        with open_regular(parts.times) as file:
            entries = file.read().split(b"\n")
    except OSError:
        return Position() if _changed_s(live) >= since_s else None
    found = None
    # From the end, since the clock may have been set back on the way.
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
    """Where the next line will begin."""
    try:
        size = live.stat().st_size
    except OSError:
        size = 0
    return Position(LogParts(live).live_number(), size)


@dataclass(frozen=True)
class Tail:
    """The end of a log.

    Attributes:
        start: Where it begins.
        lines: How many lines it has.
    """

    start: Position
    lines: int


def at_tail(live: Path, wanted: int) -> Tail:
    """Where the last ``wanted`` lines begin; where the log begins if it has fewer."""
    parts, found, is_last = LogParts(live), 0, True
    numbers = parts.numbers()
    last = numbers[-1] + 1 if numbers else 1
    start = Position(last)
    for number in (last, *reversed(numbers)):
        path = live if number == last else parts.rotated(number)
        for offset, text in _blocks_from_end(path):
            if is_last and not text.endswith(b"\n"):
                found += 1  # a line without an end
            is_last = False
            ends = text.count(b"\n")
            if found + ends > wanted:
                return Tail(Position(number, offset + _behind(text, wanted - found)), wanted)
            found += ends
            start = Position(number, offset)
    return Tail(start, found)


def _behind(text: bytes, ends: int) -> int:
    """Where the part of a text begins that has so many ends of lines, and one more in front of it."""
    at = len(text)
    for _ in range(ends + 1):
        at = text.rfind(b"\n", 0, at)
    return at + 1


def _blocks_from_end(path: Path) -> Iterator[tuple[int, bytes]]:
    """The text of a part in pieces, the last one first, each with its offset."""
    try:
        with open_regular(path) as file:
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
