"""metrics.jsonl: what the training logged, one object a line.

A line has ``step`` (null where the script names none), ``time`` (seconds since the epoch), ``attempt``, and then the
values by their names. JSON has no NaN: it stands there as the text ``"NaN"``, ``"Infinity"`` or ``"-Infinity"``, which
``float()`` and ``pandas.to_numeric`` read. A torn line (power loss, a full disk) is passed over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.files.fields import open_regular

STEP, TIME, ATTEMPT = OWN_KEYS = ("step", "time", "attempt")
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

# Nobody logs a line of this length; what has one is damaged.
_MAX_LINE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Line:
    """One call of ``Accelerator.log``.

    Attributes:
        step: The step that the script named, if it did.
        time: Seconds since the epoch.
        attempt: The attempt's number.
        values: The numbers by their names; NaN and infinities among them.
    """

    step: int | None
    time: float
    attempt: int
    values: Mapping[str, float]


def parse(data: bytes) -> Line | None:
    """One line of the file; None for a torn one, and for what is not ours."""
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
    """A value of a line as a number; None for what is none."""
    if isinstance(value, (int, float)):
        return float(value)
    return NOT_FINITE.get(value) if isinstance(value, str) else None


def read_lines(path: Path, offset: int = 0) -> Iterator[tuple[Line | None, int]]:
    """The complete lines from an offset on, each with the offset behind it; None for a line that can't be used.

    Raises:
        OSError: The file can't be read.
    """
    with open_regular(path) as file:
        file.seek(offset)
        while data := file.readline(_MAX_LINE_BYTES):
            if not data.endswith(b"\n") and len(data) < _MAX_LINE_BYTES:
                return  # being written at this moment, or torn at the very end
            offset += len(data)
            yield parse(data), offset


def as_text(value: float) -> str:
    """The text for a number that JSON does not have."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
