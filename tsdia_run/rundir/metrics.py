"""Read metrics.jsonl: the values that the training logged, one object per line.

A line has ``step`` (null if the script passes no step), ``time`` (seconds since the epoch), ``attempt``, and then the
values by name. JSON has no NaN, so the file has the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``, which
``float()`` and ``pandas.to_numeric`` read. An incomplete line (power loss, a full disk) is skipped.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.files.opening import open_regular

STEP, TIME, ATTEMPT = OWN_KEYS = ("step", "time", "attempt")
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

# A line of this length means that the file is damaged.
_MAX_LINE_BYTES = 1024 * 1024
_BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Line:
    """One call that logged.

    Attributes:
        step: The step that the script passed; None if it passed none.
        time: Seconds since the epoch.
        attempt: The attempt's number.
        values: The numbers by name, including NaN and infinities.
    """

    step: int | None
    time: float
    attempt: int
    values: Mapping[str, float]


def parse(data: bytes) -> Line | None:
    """Parse one line of the file; None for an incomplete line, or a line in another format."""
    try:
        found = json.loads(data)
        step, attempt = found[STEP], found[ATTEMPT]
        if type(attempt) is not int or (step is not None and type(step) is not int):
            return None
        values = {name: number(value) for name, value in found.items() if name not in OWN_KEYS}
        return Line(step, float(found[TIME]), attempt, {n: v for n, v in values.items() if v is not None})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        return None


def number(value: object) -> float | None:
    """Return a value of a line as a number; None if it is not a number."""
    if isinstance(value, (int, float)):
        return float(value)
    return NOT_FINITE.get(value) if isinstance(value, str) else None


def read_lines(path: Path, offset: int = 0) -> Iterator[tuple[Line | None, int]]:
    """Yield the complete lines from an offset on, each with the offset after it; None for a line that can't be used.

    Raises:
        OSError: The file can't be read.
    """
    with open_regular(path) as file:
        file.seek(offset)
        while data := file.readline(_MAX_LINE_BYTES):
            if not data.endswith(b"\n") and len(data) < _MAX_LINE_BYTES:
                return  # the last line is being written, or it is incomplete
            offset += len(data)
            yield parse(data), offset


def last_step(path: Path, names: Set[str] | None, until_s: float) -> int | None:
    """Return the step of the last line that was logged until a time; None without such a line.

    Args:
        path: metrics.jsonl, which is read from its end.
        names: The metrics, one of which the line has; None for any metric.
        until_s: Seconds since the epoch.

    Raises:
        OSError: The file can't be read.
    """
    with open_regular(path) as file:
        end, rest = file.seek(0, os.SEEK_END), b""
        while end > 0:
            begin = max(0, end - _BLOCK_BYTES)
            file.seek(begin)
            rest, *whole = (file.read(end - begin) + rest).split(b"\n")
            end = begin
            for data in reversed(whole if begin else [rest, *whole]):
                line = parse(data)
                if line is None or line.step is None or line.time > until_s + 0.001:  # the file has milliseconds
                    continue
                if names is None or not names.isdisjoint(line.values):
                    return line.step
    return None


def as_text(value: float) -> str:
    """Return the string for a number that JSON does not support."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
