"""Detect a hung training: no output, metrics or checkpoint for too long."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tsdia_run import checkpoints
from tsdia_run.errors import DamagedRunError
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Attempt
from tsdia_run.text import duration

# A longer time between two checks means that the supervisor and the training were suspended.
_MAX_CHECK_INTERVAL_S = 5.0


class Activity(Enum):
    """The phase that a training is in."""

    START = "start"
    TRAINING = "training"
    SAVE = "save"


@dataclass(frozen=True)
class HangTimeouts:
    """The hang timeout of each phase, in seconds.

    Attributes:
        training_s: While the script trains.
        start_s: Before its first metric or checkpoint.
        save_s: While it saves a checkpoint.
    """

    training_s: float
    start_s: float
    save_s: float

    def limit_s(self, phase: Activity) -> float:
        """Return the timeout of a phase."""
        return {Activity.START: self.start_s, Activity.TRAINING: self.training_s, Activity.SAVE: self.save_s}[phase]

    @property
    def least_s(self) -> float:
        """The shortest timeout of all phases."""
        return min(self.training_s, self.start_s, self.save_s)


class HangWatch:
    """Watches output, metrics and checkpoints for changes.

    Args:
        layout: The files of the run.
        attempt: The attempt.
        timeouts: The timeouts; None to watch nothing.
        output_bytes: Returns how much output the training has written so far.
    """

    def __init__(
        self, layout: RunLayout, attempt: Attempt, timeouts: HangTimeouts | None, output_bytes: Callable[[], int]
    ) -> None:
        self._layout = layout
        self._attempt = attempt
        self._hang_timeouts = timeouts
        self._output_bytes = output_bytes
        self._metrics = _stamp(layout.metrics)
        self._signs: tuple[object, ...] = ()
        self._checked_s: float | None = None
        self._silent_s = 0.0

    def look(self, now_s: float) -> str | None:
        """Check for changes; call it twice per second.

        Args:
            now_s: Monotonic time, which does not advance while the machine is suspended.

        Returns:
            Why the training counts as hung; None if it does not.
        """
        if self._hang_timeouts is None:
            return None
        elapsed_s = 0.0 if self._checked_s is None else min(now_s - self._checked_s, _MAX_CHECK_INTERVAL_S)
        self._checked_s = now_s
        self._silent_s += elapsed_s
        signs = self._current_signs()
        if signs != self._signs:
            self._signs, self._silent_s = signs, 0.0
        if self._silent_s < self._hang_timeouts.least_s:
            return None
        phase = self._phase()
        if self._silent_s < self._hang_timeouts.limit_s(phase):
            return None
        during = {Activity.START: " since the start", Activity.TRAINING: "", Activity.SAVE: " while it saved"}[phase]
        return f"hung: no output, metrics or checkpoint for {duration(self._silent_s)}{during}"

    def _current_signs(self) -> tuple[object, ...]:
        layout = self._layout
        return (
            self._output_bytes(),
            _stamp(layout.metrics),
            # A new or removed checkpoint changes the folder that contains it.
            _stamp(layout.root),
            _stamp(layout.checkpoints),
        )

    def _phase(self) -> Activity:
        has_saved = False
        since_s = self._attempt.started_at.timestamp()
        root = self._layout.root
        for path in (*(one.path for one in checkpoints.find(root)), *checkpoints.written_aside(root)):
            with suppress(OSError, DamagedRunError):
                if any(mark.attempt == self._attempt.number for mark in checkpoints.unfinished(path)):
                    return Activity.SAVE
                has_saved |= path.stat().st_mtime >= since_s
        return Activity.TRAINING if has_saved or _stamp(self._layout.metrics) != self._metrics else Activity.START


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
