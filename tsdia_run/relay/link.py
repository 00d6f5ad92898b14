"""The two pipes between a relay and its supervisor: JSON lines, commands to the relay and events from it."""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_READ_BYTES = 64 * 1024


class SupervisorLink:
    """The supervisor, as the relay sees it.

    Args:
        control: Read end: ``{"drain": SECONDS}``, ``{"footer": TEXT}``, ``{"suspend": true}``, ``{"resume": true}``,
            ``{"line": true}`` (begin a line for a message); end of file means that the supervisor has died.
        events: Write end: ``{"event": "warning", "text": …}``, ``{"event": "suspended"}``,
            ``{"event": "line"}``,
            ``{"event": "drained", "is_cut": …}``; None to send none. The supervisor need not read it.
    """

    def __init__(self, control: int, events: int | None) -> None:
        self.control = control
        self._events = events
        self._partial = b""
        self.is_alive = True
        os.set_blocking(control, False)
        if events is not None:
            os.set_blocking(events, False)

    def orders(self) -> list[dict[str, Any]]:
        """Return the commands received since the last call."""
        try:
            data = os.read(self.control, _READ_BYTES)
        except BlockingIOError:
            return []
        if not data:
            self.is_alive = False
        *lines, self._partial = (self._partial + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def tell(self, event: str, **details: object) -> None:
        """Send an event."""
        if self._events is None:
            return
        try:
            os.write(self._events, json.dumps({"event": event, **details}).encode() + b"\n")
        except OSError:
            return  # the supervisor is dead, or has not read for a long time
