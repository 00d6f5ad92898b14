"""Format timestamps for a log."""

from __future__ import annotations

import time


class Clock:
    """Formats timestamps for a log.

    Args:
        is_shown: Whether log lines start with a timestamp.

    Attributes:
        offset: What to add to a monotonic time to get the time of day. It changes with each entry, so that a change of
            the system clock shows.
    """

    def __init__(self, *, is_shown: bool) -> None:
        self.is_shown = is_shown
        self.offset = time.time() - time.monotonic()
        self._second = -1
        self._text = ("", "")

    def stamp(self, monotonic_s: float) -> bytes:
        """Return the local time with milliseconds and UTC offset, as in ISO 8601, and a space."""
        at_s = self.offset + monotonic_s
        second = int(at_s)
        if second != self._second:
            self._second = second
            local = time.localtime(second)
            zone = time.strftime("%z", local)
            self._text = (time.strftime("%Y-%m-%dT%H:%M:%S", local), f"{zone[:3]}:{zone[3:]}")
        return f"{self._text[0]}.{int(at_s % 1 * 1000):03d}{self._text[1]} ".encode()

    def now(self) -> bytes:
        """Return the timestamp for a line that tsdia-run writes itself."""
        return self.stamp(time.monotonic()) if self.is_shown else b""
