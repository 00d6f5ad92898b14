"""Record what the script logs with any library in metrics.jsonl: each value once.

A script may log one value with two libraries. The second one is left out if it has the same name, value and step as the
newest value of the other library. A library that passes no step has the step of the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks.first_step import FirstStep
from tsdia_run.training.hooks.metrics_file import MetricsFile, are_plain, numbers_in
from tsdia_run.training.hooks.rank_process import RankProcess
from tsdia_run.training.hooks.session import Session


@dataclass(frozen=True)
class Logged:
    """What the values of one call share.

    Attributes:
        step: The step that the script passed; None if it passed none.
        number: The number of the call, over all sources.
    """

    step: int | None
    number: int


class MetricLog:
    """The metrics that this process logs.

    Attributes:
        process: Whether the current process is a rank.
    """

    def __init__(self, session: Session) -> None:
        self.process = RankProcess()
        self._file = MetricsFile(session.layout.metrics, session.number)
        self._first = FirstStep(session)
        self._numbers = itertools.count()
        self._sources: dict[str, Source] = {}

    def source(self, name: str) -> Source:
        """Return the source of this name."""
        if name not in self._sources:
            self._sources[name] = Source(self, self._sources)
        return self._sources[name]

    def write(self, values: Mapping[str, float], step: int | None, line_step: int | None) -> Logged:
        """Write one line, and return what its values share.

        Args:
            values: The numbers.
            step: The step that the script passed.
            line_step: The step of the line, which a library may count for a script that passes none.

        Raises:
            OSError: The file can't be written.
        """
        RANK.progress.logged(values, step)
        if self._first.is_open:
            self._first.logged(values, step)
        self._file.append(values, line_step)
        return Logged(step, next(self._numbers))


class Source:
    """A library that the script logs with, or one of its writers.

    Args:
        log: The log that gets the values.
        all_sources: All sources of the log, including this one.
    """

    def __init__(self, log: MetricLog, all_sources: Mapping[str, Source]) -> None:
        self._log = log
        self._all = all_sources
        self._values: dict[str, float] = {}
        self._logged: dict[str, Logged] = {}
        # The newest value of another source that was left out here, by that source and its name.
        self._left_out: dict[tuple[Source, str], int] = {}

    def add(self, values: Mapping[str, float], step: Any = None, counted_step: int | None = None) -> None:
        """Record the values of one call that no other source has recorded.

        Args:
            values: The numbers; an empty mapping is a line without values.
            step: The step that the script passed; None if it passed none.
            counted_step: The step that the library counts if the script passes none.

        Raises:
            OSError: metrics.jsonl can't be written.
        """
        own_step = step if step is None or type(step) is int else int(step)
        if len(self._all) > 1 and values:
            values = {name: value for name, value in values.items() if not self.is_repeated(name, value, own_step)}
            if not values:
                return
        logged = self._log.write(values, own_step, counted_step if own_step is None else own_step)
        self._values.update(values)
        self._logged.update(dict.fromkeys(values, logged))

    def is_repeated(self, name: str, value: float, step: Any) -> bool:
        """Return whether another source has recorded a value; each call of the other source counts once."""
        for other in self._all.values():
            if other is self:
                continue
            found = other._find(name, value, step, self._left_out.get((other, name), -1))
            if found is not None:
                self._left_out[(other, name)] = found
                return True
        return False

    def _find(self, name: str, value: float, step: int | None, after: int) -> int | None:
        """Return the number of the call that logged a value; None if no call after call number ``after`` did."""
        logged = self._logged.get(name)
        if logged is None or logged.number <= after:
            return None
        newest = self._values[name]
        is_equal = newest == value or str(newest) == str(value)  # NaN differs from itself
        return logged.number if is_equal and (logged.step == step or None in (logged.step, step)) else None


def scalars(values: Mapping[Any, Any], separator: str = "/") -> Mapping[str, float]:
    """Return the numbers by name, without values of other types."""
    if are_plain(values):
        return values
    return {name: number for name, _, number in numbers_in(values, separator) if number is not None}


@cache
def of(session: Session) -> MetricLog:
    """Return the log of this process: all hooks share it."""
    return MetricLog(session)
