"""Read metrics.jsonl: the values that the training logged, one object per line.

A line has ``step`` (null if the script passes no step), ``time`` (seconds since the epoch), ``attempt``, and then the
values by name. JSON has no NaN, so the file has the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``, which
``float()`` and ``pandas.to_numeric`` read. An incomplete line (power loss, a full disk) is skipped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

STEP, TIME, ATTEMPT = OWN_KEYS = ("step", "time", "attempt")
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

_MAX_STEP = 2**63 - 1


@dataclass(frozen=True)
class Line:
    """One call of ``Accelerator.log``.

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
        if type(attempt) is not int or (step is not None and (type(step) is not int or abs(step) > _MAX_STEP)):
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


def as_text(value: float) -> str:
    """Return the string for a number that JSON does not support."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
