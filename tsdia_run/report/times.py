"""Points in time as a user types them (pure)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from tsdia_run.errors.lookups import InvalidTime

_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PART = r"(\d+(?:\.\d+)?) *(min|[smhdw])"


def parse_since(text: str, now: datetime) -> datetime:
    """The moment that ``--since`` means.

    Args:
        text: How long ago (``90s``, ``10m``, ``2h``, ``1d12h``, ``3w``), or a local date or time (``2026-11-23``,
            ``2026-11-23T10:30``).
        now: The present, with its time zone.

    Raises:
        InvalidTime: It is neither.
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
