"""The stop sequence (pure): first the signal itself, then SIGTERM, then SIGKILL.

A run that was started inside the training keeps its own grace period, unless the user asks again.
"""

from __future__ import annotations

import math
import signal
from dataclasses import dataclass, replace
from enum import Enum

from tsdia_run.outcome.classify import Stop
from tsdia_run.text import duration

# From the SIGTERM at the end of the grace period to SIGKILL.
TERM_GRACE_S = 10.0
# Longer times are shown in minutes and hours.
_MAX_SHOWN_S = 120.0


class StopStep(Enum):
    """A step of the stop sequence."""

    PASS_ON = "pass the signal on, only to the direct child and to runs inside the training"
    TERMINATE = "SIGTERM to the direct child"
    KILL_OWN = "SIGKILL to every process of the run, except for runs inside the training"
    KILL = "SIGKILL to every process of the run"


@dataclass(frozen=True)
class StopSequence:
    """The state of the stop sequence.

    Attributes:
        grace_s: The grace period after the first request; infinite for no limit.
        stop: The first request; None if there was none.
        step: The last step; None if there was none.
        deadline_s: Monotonic time at which the next step is due; None for none.
        inner_s: How long the runs inside the training may take to end; 0 without such runs.
    """

    grace_s: float
    stop: Stop | None = None
    step: StopStep | None = None
    deadline_s: float | None = None
    inner_s: float = 0.0

    def after_request(self, stop: Stop, now_s: float) -> StopSequence:
        """Return the state after a stop request."""
        if self.step is None:
            return replace(self, stop=stop, step=StopStep.PASS_ON, deadline_s=now_s + self.grace_s)
        return self._next(now_s)

    def after_urgent_request(self, stop: Stop) -> StopSequence:
        """Return the state after a request to stop immediately."""
        return replace(self, stop=self.stop or stop, step=StopStep.KILL, deadline_s=None)

    def at(self, now_s: float) -> StopSequence:
        """Return the state at a later time: unchanged before the deadline."""
        if not self.is_due(now_s):
            return self
        after = self._next(now_s)
        if after.step is StopStep.KILL and self.step is not StopStep.KILL_OWN and self.inner_s > 0:
            return replace(after, step=StopStep.KILL_OWN, deadline_s=now_s + self.inner_s)
        return after

    def is_due(self, now_s: float) -> bool:
        """Return whether the deadline has passed."""
        return self.deadline_s is not None and now_s >= self.deadline_s

    def _next(self, now_s: float) -> StopSequence:
        # A second SIGTERM would have no effect.
        if self.step is StopStep.PASS_ON and self.stop is not None and self.stop.signal is not signal.SIGTERM:
            return replace(self, step=StopStep.TERMINATE, deadline_s=now_s + TERM_GRACE_S)
        return replace(self, step=StopStep.KILL, deadline_s=None)


def step_message(before: StopSequence, after: StopSequence, *, is_inner: bool = False) -> str:
    """Return what the user is told about a step: what tsdia-run does, how long it waits and what follows.

    Args:
        before: The state before the step.
        after: The state after it; it has a request and a last step.
        is_inner: Whether further signals have no effect, since the run was started inside another training.
    """
    assert after.stop is not None
    if after.step is StopStep.PASS_ON:
        escalation = "" if is_inner else f" {_escalation(after.stop)}"
        return f"{_opening(after.stop)}: {wait_message(after.grace_s)}.{escalation}"
    if after.step is StopStep.TERMINATE:
        return f"Stopping: sending SIGTERM. The script is killed in {shown_s(TERM_GRACE_S)}."
    if after.step is StopStep.KILL_OWN:
        return f"Stopping: killing the script. Waiting up to {shown_s(after.inner_s)} for the runs that it started."
    opening = f"{_opening(after.stop)} immediately" if before.step is None else "Stopping"
    return f"{opening}: killing every process of the run with SIGKILL."


def wait_message(grace_s: float) -> str:
    """Return how long the script may save, in words."""
    if math.isinf(grace_s):
        return "waiting without a time limit for the script to save"
    return f"waiting up to {shown_s(grace_s)} for the script to save"


def _opening(stop: Stop) -> str:
    if stop.is_hang:
        return f"Stopping the training ({stop.why})"
    if stop.signal is signal.SIGINT:
        return "Stopping"
    rest = stop.why.removeprefix("stopped ")
    return f"Stopping {rest}" if rest.startswith("at ") else f"Stopping ({rest})"


def _escalation(stop: Stop) -> str:
    if stop.signal is signal.SIGINT:
        return f"Press Ctrl-C again to end it within {shown_s(TERM_GRACE_S)}."
    return "Ctrl-C or another SIGTERM kills it."


def shown_s(seconds: float) -> str:
    """Return a time of the stop sequence as users read it: 60 s."""
    return f"{seconds:g} s" if seconds <= _MAX_SHOWN_S else duration(seconds)
