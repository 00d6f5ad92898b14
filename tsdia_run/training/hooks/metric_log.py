"""Record what the script logs with any library in metrics.jsonl: each value once.

A script may log one value with two libraries. The second one is left out if it has the same name, value and step as the
newest value of the other library. A library that passes no step has the step of the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks.first_step import FirstStep
from tsdia_run.training.hooks.metrics_file import MetricsFile, are_plain, numbers_in
from tsdia_run.training.hooks.rank_process import RankProcess
from tsdia_run.training.hooks.session import Session


class Logged(NamedTuple):
    """One call that was recorded.

    Attributes:
        source: The source.
        number: The number of the call, over all sources.
        step: The step that the script passed; None if it passed none.
        values: The numbers.
    """

    source: MetricSource
    number: int
    step: int | None
    values: Mapping[str, float]

    def has(self, name: str, value: float, step: int | None) -> bool:
        """Return whether a value of another source is the same, at the same step or at an unknown one."""
        own = self.values[name]
        is_equal = own == value or str(own) == str(value)  # NaN differs from itself
        return is_equal and (self.step == step or None in (self.step, step))


class MetricLog:
    """The metrics that this process logs.

    Attributes:
        process: Whether the current process is a rank.
        sources: The sources that have logged.
        newest: The newest call with each metric.
        folders: The directory of the first ``SummaryWriter`` that used each tag.
    """

    def __init__(self, session: Session) -> None:
        self.process = RankProcess()
        self.sources: set[MetricSource] = set()
        self.newest: dict[str, Logged] = {}
        self.folders: dict[str, str] = {}
        self._file = MetricsFile(session.layout.metrics, session.number)
        self._first = FirstStep(session)
        self._calls = 0

    def write(self, source: MetricSource, values: Mapping[str, float], step: int | None, counted: int | None) -> None:
        """Write one line.

        Args:
            source: The source.
            values: The numbers.
            step: The step that the script passed.
            counted: The step that the library counts if the script passes none.

        Raises:
            OSError: The file can't be written.
        """
        RANK.progress.logged_numbers(values, step)
        if self._first.is_open:
            self._first.logged(values, step)
        self._calls += 1
        # The values of the line, because the script may change its own dict.
        line = self._file.append(values, counted if step is None else step)
        self.newest.update(dict.fromkeys(values, Logged(source, self._calls, step, line)))


class MetricSource:
    """A library that the script logs with, or one of its writers."""

    def __init__(self, log: MetricLog) -> None:
        self._log = log
        # The call of another source that has a value of this source, by the name of the value.
        self._left_out: dict[str, int] = {}

    def add(self, values: Mapping[str, float], step: Any = None, counted: int | None = None) -> None:
        """Record the values of one call that no other source has recorded.

        Args:
            values: The numbers; an empty mapping is a line without values.
            step: The step that the script passed; None if it passed none.
            counted: The step that the library counts if the script passes none.

        Raises:
            OSError: metrics.jsonl can't be written.
        """
        own_step = step if step is None or type(step) is int else int(step)
        self._log.sources.add(self)
        if len(self._log.sources) > 1 and values:
            values = {name: value for name, value in values.items() if not self.is_repeated(name, value, own_step)}
            if not values:
                return
        self._log.write(self, values, own_step, counted)

    def is_repeated(self, name: str, value: float, step: Any) -> bool:
        """Return whether another source has recorded a value; each call of the other source counts once."""
        logged = self._log.newest.get(name)
        if logged is None or logged.source is self or logged.number <= self._left_out.get(name, 0):
            return False
        if not logged.has(name, value, step):
            return False
        self._left_out[name] = logged.number
        return True


def scalars(values: Mapping[Any, Any], separator: str = "/") -> Mapping[str, float]:
    """Return the numbers by name, without values of other types."""
    if are_plain(values):
        return values
    return {name: number for name, _, number in numbers_in(values, separator) if number is not None}


def of(session: Session) -> MetricLog:
    """Return the log of this process: all hooks share it."""
    if MetricLog not in RANK.shared:
        RANK.shared[MetricLog] = MetricLog(session)
    log: MetricLog = RANK.shared[MetricLog]
    return log
