"""Detect a resumed attempt that logs or saves steps before its checkpoint, because it trains from the start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tsdia_run.errors import DamagedRunError
from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks.session import Session

if TYPE_CHECKING:
    from tsdia_run.rundir.metrics_summary import Summary

# A metric that was not logged before can't be compared. After this many calls the check ends.
_MAX_CALLS = 1_000


class FirstStep:
    """Compares the first step that an attempt logs with the step of the checkpoint that it resumes from.

    Args:
        session: The attempt.

    Attributes:
        is_open: Whether the comparison is not done yet.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._calls = 0
        self._found: tuple[int | None, int | None, Summary | None] | None = None
        self.is_open = session.checkpoint is not None and RANK.guard is not None

    def logged(self, values: Mapping[str, object], step: object) -> None:
        """Check the values of a call, before they are written to metrics.jsonl."""
        self._calls += 1
        self.is_open = self._calls < _MAX_CALLS
        guard, checkpoint = RANK.guard, self._session.checkpoint
        if guard is None or checkpoint is None or type(step) is not int:
            return
        expected = self._expected(checkpoint, values)
        if expected is None:
            return
        self.is_open = False
        if step < expected:
            guard.warn_first_step(step, expected)

    def _expected(self, checkpoint: Path, values: Mapping[str, object]) -> int | None:
        """Return the checkpoint's place on the axis of these metrics (steps or epochs); None if that is not known."""
        if self._found is None:  # read once: a script may log each value with a call of its own
            from tsdia_run.rundir import summary_file

            self._found = *place_of(checkpoint), summary_file.load(self._session.layout.metrics_summary)
        step, epoch, summary = self._found
        if summary is None or not summary.series:
            return step
        known = [summary.series[name].last for name in values if name in summary.series]
        lasts = [point.step for point in known if point is not None and point.step is not None]
        if not lasts or step is None:
            return None
        # An axis that never reached the checkpoint's step counts something else, probably epochs.
        return step if max(lasts) >= step else epoch


def place_of(checkpoint: Path) -> tuple[int | None, int | None]:
    """Return the step and epoch of a checkpoint, from its name or else from its manifest."""
    from tsdia_run.checkpoints import manifest, parse_name

    named = parse_name(checkpoint)
    step, epoch = (named.step, named.epoch) if named else (None, None)
    try:
        written = manifest.read(checkpoint) if checkpoint.is_dir() else None
    except DamagedRunError:
        written = None
    if written is not None:
        step, epoch = written.step if step is None else step, written.epoch if epoch is None else epoch
    return step, epoch


def resume_step(session: Session) -> int | None:
    """Return the step that a resumed attempt starts from, if known; call it before the attempt saves anything."""
    if RANK.guard is None or session.checkpoint is None:
        return None
    return place_of(session.checkpoint)[0]


def warn_if_before(checkpoint: Path, step: int | None, start: int | None) -> None:
    """Warn once about a save without a step in its name, if the logged step is before the start step."""
    if RANK.guard is not None and step is not None and start is not None and step < start:
        RANK.guard.warn_below(f"{checkpoint.name} at step {step}", f" at step {start}")
