"""What follows from requests to stop (pure): first the signal itself, then SIGTERM, then SIGKILL."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from enum import Enum

from tsdia_run.outcome.classify import Stop

# After SIGTERM was sent because the grace had run out; then SIGKILL.
TERM_GRACE_S = 10.0


class Rung(Enum):
    """What is done to the training."""

    PASS_ON = "pass the signal on, to the direct child alone"
    TERMINATE = "SIGTERM to the direct child"
    KILL = "SIGKILL to every process of the run"


@dataclass(frozen=True)
class Ladder:
    """Where a stop stands.

    Attributes:
        grace_s: How long the script may take after the first request.
        stop: The first request; None while there was none.
        rung: The last thing that was done.
        deadline_s: When the next rung is due by itself, on the monotonic clock; None for never.
    """

    grace_s: float
    stop: Stop | None = None
    rung: Rung | None = None
    deadline_s: float | None = None

    def asked(self, stop: Stop, now_s: float) -> Ladder:
        """After a request to stop."""
        if self.rung is None:
            return replace(self, stop=stop, rung=Rung.PASS_ON, deadline_s=now_s + self.grace_s)
        return self._next(now_s)

    def hurried(self, stop: Stop) -> Ladder:
        """After a request to stop at once."""
        return replace(self, stop=self.stop or stop, rung=Rung.KILL, deadline_s=None)

    def waited(self, now_s: float) -> Ladder:
        """After time has passed: unchanged unless the deadline is over."""
        return self._next(now_s) if self.deadline_s is not None and now_s >= self.deadline_s else self

    def _next(self, now_s: float) -> Ladder:
        # A second SIGTERM would tell the script nothing new.
        if self.rung is Rung.PASS_ON and self.stop is not None and self.stop.signal is not signal.SIGTERM:
            return replace(self, rung=Rung.TERMINATE, deadline_s=now_s + TERM_GRACE_S)
        return replace(self, rung=Rung.KILL, deadline_s=None)
