"""Parse the times that a user types (pure)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from tsdia_run.errors.lookups import InvalidTime

_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PART = r"(\d+(?:\.\d+)?) *(min|[smhdw])"


def parse_since(text: str, now: datetime) -> datetime:
    """Return the time that ``--since`` means.

    Args:
        text: A time before now (``90s``, ``10m``, ``2h``, ``1d12h``, ``3w``), or a local date or time (``2026-11-23``,
            ``2026-11-23T10:30``).
        now: The current time, with its time zone.

    Raises:
        InvalidTime: The text is neither.
    """
    text = text.strip()
    try:
        if re.fullmatch(rf"(?:{_PART} *)+", text):
            parts = re.findall(_PART, text)
            return now - sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta())
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidTime(text) from None
    return at if at.tzinfo else at.replace(tzinfo=now.tzinfo)
