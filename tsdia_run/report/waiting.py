"""Wait until a run ends, or until its metrics meet a condition."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tsdia_run.errors import DamagedRunError, NotFoundError
from tsdia_run.files.opening import open_regular
from tsdia_run.outcome.classify import ended_with
from tsdia_run.report.conditions import Condition
from tsdia_run.report.status import RunStatus, look
from tsdia_run.rundir import metrics
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import State

_FIRST_LOOK_S, _LOOK_S = 0.1, 1.0
# After these, the supervisor starts no other attempt, whatever it still does.
_LAST = frozenset({State.COMPLETED, State.STOPPED})
_STEP = metrics.STEP
# A line of this length means that the file is damaged.
_MAX_LINE_BYTES = 1024 * 1024


class WaitEnd(Enum):
    """Why a wait has ended."""

    ENDED = "ended"
    REACHED = "condition"
    TIMEOUT = "timeout"


@dataclass
class LatestValues:
    """Follows metrics.jsonl and keeps the latest values, and the step at which they were logged.

    Attributes:
        marks: A line without any of these is not parsed: a condition is about few of many lines.
        values: The values by name.
        offset: How far the file was read.
    """

    marks: tuple[bytes, ...] = ()
    values: dict[str, float] = field(default_factory=dict)
    offset: int = 0

    @classmethod
    def of(cls, condition: Condition | None) -> LatestValues:
        """Follow the metrics of a condition."""
        # The beginning of the name up to a character that JSON may write in several ways.
        plain = re.compile(r"[\w./@ -]*", re.ASCII)
        names = condition.names if condition else ()
        return cls(tuple(match.group().encode() for name in names if (match := plain.match(name))))

    def follow(self, layout: RunLayout) -> Iterator[None]:
        """Read the new lines, and yield after each that may matter; a missing file has none."""
        with suppress(OSError), open_regular(layout.metrics) as file:
            file.seek(self.offset)
            while (data := file.readline(_MAX_LINE_BYTES)).endswith(b"\n") or len(data) == _MAX_LINE_BYTES:
                self.offset += len(data)
                line = metrics.parse(data) if any(mark in data for mark in self.marks) else None
                if line is not None:
                    self.values |= line.values
                    self.values |= {} if line.step is None else {_STEP: line.step}
                    yield


@dataclass(frozen=True)
class Waited:
    """The result of a wait, or its current state.

    Attributes:
        status: The status of the run.
        values: The latest value of each metric.
        waited_s: How long the wait took.
        end: Why it has ended; None if it has not.
    """

    status: RunStatus
    values: dict[str, float]
    waited_s: float
    end: WaitEnd | None = None

    @property
    def exit_code(self) -> int | None:
        """The exit code of the run; None if it has not ended, 1 if no process recorded how."""
        last = self.status.run.last if self.status.run else None
        return None if self.end is not WaitEnd.ENDED else ended_with(last.outcome) if last and last.outcome else 1


def wait_for(
    run_dir: Path, until: Condition | None, timeout_s: float | None, on_look: Callable[[Waited], None]
) -> Waited:
    """Wait until a run has ended, restarts included.

    Args:
        run_dir: The run.
        until: End earlier once the metrics meet this condition, or have met it since the start of the run.
        timeout_s: The longest time to wait; None for no limit.
        on_look: Receives the current state after each look.

    Raises:
        DamagedRunError: The record can't be used.
        NotFoundError: The run was removed or replaced, or tsdia-run did not create it.
    """
    began_s, latest, run_id = time.monotonic(), LatestValues.of(until), None
    while True:
        status = look(run_dir)
        run_id = _same_run(status, run_id)
        # The metrics are read after the status: those of a run that has ended are complete.
        is_reached = until is not None and _is_met(until, latest, status.layout)
        waited_s = time.monotonic() - began_s
        end = WaitEnd.REACHED if is_reached else WaitEnd.ENDED if _has_ended(status) else None
        if end is None and timeout_s is not None and waited_s >= timeout_s:
            end = WaitEnd.TIMEOUT
        found = Waited(status, latest.values, waited_s, end)
        if end is not None:
            return found
        on_look(found)
        pause_s = min(_LOOK_S, max(_FIRST_LOOK_S, waited_s / 10))
        time.sleep(pause_s if timeout_s is None else max(0.0, min(pause_s, timeout_s - waited_s)))


def _is_met(until: Condition, latest: LatestValues, layout: RunLayout) -> bool:
    return any(until.holds(latest.values) for _ in latest.follow(layout))


def _has_ended(status: RunStatus) -> bool:
    """Return whether no restart can follow; a supervisor that lives after a failure may start another attempt."""
    return status.state in _LAST or not (status.is_live or status.is_living)


def _same_run(status: RunStatus, run_id: str | None) -> str | None:
    """Return the id of the run, which must stay the same."""
    root = status.layout.root
    if status.run is None and status.state is not None:
        return run_id  # it is being prepared
    if status.run is None or run_id not in (None, status.run.run_id):
        if run_id is not None:
            raise NotFoundError(f"{root} was removed or replaced while waiting")
        if status.trouble:
            raise DamagedRunError(f"{root}: {status.reason}")
        raise NotFoundError(f"{root} was {status.reason}", hint="Only a run of tsdia-run can be waited for.")
    return status.run.run_id
