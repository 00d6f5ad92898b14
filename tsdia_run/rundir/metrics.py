"""metrics.jsonl: what the training logged, one object a line; and the summary of it that the supervisor keeps.

A line has ``step`` (null where the script names none), ``time`` (seconds since the epoch), ``attempt``, and then the
values by their names. JSON has no NaN: it stands there as the text ``"NaN"``, ``"Infinity"`` or ``"-Infinity"``, which
``float()`` and ``pandas.to_numeric`` read. A torn line (power loss, a full disk) is passed over.

Where a resume went back to an older step, the values of earlier attempts from its first step on are superseded: they
stay in the file, and the summary leaves them out. A metric whose steps are counted otherwise than those of the others
(per epoch, say) is compared with its own steps alone.
"""

from __future__ import annotations

import errno
import json
import math
import stat
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tsdia_run.files.atomic import write_json
from tsdia_run.files.fields import open_regular, parse_json, read_bounded
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.text import visible

SCHEMA = 2
STEP, TIME, ATTEMPT = OWN_KEYS = ("step", "time", "attempt")
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
MAX_POINTS = 512

# Nobody logs a line of this length; what has one is damaged.
_MAX_LINE_BYTES = 1024 * 1024
_MAX_SUMMARY_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Line:
    """One call of ``Accelerator.log``.

    Attributes:
        step: The step that the script named, if it did.
        time: Seconds since the epoch.
        attempt: The attempt's number.
        values: The numbers by their names; NaN and infinities among them.
    """

    step: int | None
    time: float
    attempt: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class Point:
    """One value of a metric."""

    step: int | None
    value: float
    attempt: int
    time: float


@dataclass
class Series:
    """One metric over the run.

    Attributes:
        count: How many values it has.
        last: The newest one.
        low: The smallest finite one; None where none is finite.
        high: The largest finite one.
        first_not_finite: The first NaN or infinity.
        not_finite_since: Where the last values are all NaN or infinite, the first of these.
        stride: Every how many values one is kept as a point.
        points: At most ``MAX_POINTS`` of them, step and value, evenly over the run.
    """

    count: int = 0
    last: Point | None = None
    low: Point | None = None
    high: Point | None = None
    first_not_finite: Point | None = None
    not_finite_since: Point | None = None
    stride: int = 1
    points: list[tuple[int | None, float]] = field(default_factory=list)

    def add(self, point: Point) -> None:
        """Take the next value."""
        self.last = point
        if math.isfinite(point.value):
            self.not_finite_since = None
            if self.low is None or point.value < self.low.value:
                self.low = point
            if self.high is None or point.value > self.high.value:
                self.high = point
        else:
            self.first_not_finite = self.first_not_finite or point
            self.not_finite_since = self.not_finite_since or point
        if self.count % self.stride == 0:
            if len(self.points) == MAX_POINTS:
                self.points = self.points[::2]
                self.stride *= 2
            if self.count % self.stride == 0:
                self.points.append((point.step, point.value))
        self.count += 1


# What the steps of most metrics are counted by.
_SHARED = ""


@dataclass
class Summary:
    """What later commands need of metrics.jsonl, so that they need not read it.

    Attributes:
        offset: Up to which byte of the file it goes.
        lines: How many lines that are.
        first_steps: The first step of each attempt, by metric for ``own_steps``, else under the empty name.
        ends: The highest step of each attempt.
        own_steps: The metrics that are counted by steps of their own: logged with a lower step than was logged before.
        last_step: The highest step that counts.
        highest_step: The highest step of all, superseded ones among them: what a tracker has seen.
        series: The metrics by their names, in the order of their first appearance.
        reached: The attempt that was read last, and its highest step on the shared steps.
    """

    offset: int = 0
    lines: int = 0
    first_steps: dict[int, dict[str, int]] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    own_steps: list[str] = field(default_factory=list)
    last_step: int | None = None
    highest_step: int | None = None
    series: dict[str, Series] = field(default_factory=dict)
    reached: tuple[int, int] | None = None

    @property
    def starts(self) -> dict[int, int]:
        """The first step of each attempt that named one."""
        return {
            attempt: steps.get(_SHARED, min(steps.values())) for attempt, steps in self.first_steps.items() if steps
        }

    def add(self, line: Line) -> bool:
        """Take the next line.

        Returns:
            Whether all is well; False where something is known now that changes how earlier lines are taken, so that
            the file must be read again from its beginning (``begin_again``).
        """
        if line.step is not None and not self._learn(line.attempt, line.step, line.values):
            return False
        self.lines += 1
        step = line.step
        if step is not None:
            self.highest_step = step if self.highest_step is None else max(step, self.highest_step)
            self.ends[line.attempt] = max(step, self.ends.get(line.attempt, step))
        counted = {name: value for name, value in line.values.items() if not self._is_superseded(line, name)}
        if step is not None and (counted or not (line.values or self._is_superseded(line, _SHARED))):
            self.last_step = step if self.last_step is None else max(step, self.last_step)
        for name, value in counted.items():
            series = self.series.get(name)
            if series is None:
                series = self.series.setdefault(visible(name), Series())
            series.add(Point(step, value, line.attempt, line.time))
        return True

    def _learn(self, attempt: int, step: int, values: Mapping[str, float]) -> bool:
        """Whether a line tells nothing new about how the steps are counted and where the attempt began."""
        shared = [name for name in values if name not in self.own_steps]
        if shared:
            if self.reached is not None and self.reached[0] == attempt and step < self.reached[1]:
                self.own_steps += shared
                self.first_steps.clear()
                return False
            self.reached = (attempt, step)
        firsts = self.first_steps.setdefault(attempt, {})
        keys = {name if name in self.own_steps else _SHARED for name in values} or {_SHARED}
        new = [key for key in keys if key not in firsts]
        firsts |= dict.fromkeys(new, step)
        return not any(self._goes_back(attempt, step, key) for key in new)

    def _goes_back(self, attempt: int, step: int, key: str) -> bool:
        """Whether a first step may supersede values that were taken."""
        if key == _SHARED:
            return self.last_step is not None and step <= self.last_step
        last = self.series[key].last if key in self.series else None
        return last is not None and last.attempt < attempt and last.step is not None and last.step >= step

    def _is_superseded(self, line: Line, name: str) -> bool:
        step, key = line.step, name if name in self.own_steps else _SHARED
        if step is None:
            return False
        return any(
            attempt > line.attempt and steps.get(key, step + 1) <= step for attempt, steps in self.first_steps.items()
        )

    def begin_again(self) -> None:
        """Forget everything but how the steps are counted, and where the attempts begin."""
        self.offset = self.lines = 0
        self.last_step = self.highest_step = self.reached = None
        self.ends.clear()
        self.series.clear()


def parse(data: bytes) -> Line | None:
    """One line of the file; None for a torn one, and for what is not ours."""
    try:
        found = json.loads(data)
        step, attempt = found[STEP], found[ATTEMPT]
        if type(attempt) is not int or (step is not None and type(step) is not int):
            return None
        values = {name: number(value) for name, value in found.items() if name not in OWN_KEYS}
        return Line(step, float(found[TIME]), attempt, {n: v for n, v in values.items() if v is not None})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        return None


def number(value: object) -> float | None:
    """A value of a line as a number; None for what is none."""
    if isinstance(value, (int, float)):
        return float(value)
    return NOT_FINITE.get(value) if isinstance(value, str) else None


def read_lines(path: Path, offset: int = 0) -> Iterator[tuple[Line | None, int]]:
    """The complete lines from an offset on, each with the offset behind it; None for a line that can't be used.

    Raises:
        OSError: The file can't be read.
    """
    with open_regular(path) as file:
        file.seek(offset)
        while data := file.readline(_MAX_LINE_BYTES):
            if not data.endswith(b"\n") and len(data) < _MAX_LINE_BYTES:
                return  # being written at this moment, or torn at the very end
            offset += len(data)
            yield parse(data), offset


def catch_up(summary: Summary, path: Path, limit_bytes: int | None = None) -> bool:
    """Take what the file has beyond the summary.

    Args:
        summary: Is changed.
        path: metrics.jsonl.
        limit_bytes: How much at once; None for everything.

    Returns:
        Whether anything was taken.

    Raises:
        OSError: The file can't be read.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a file", str(path))  # a pipe in its place would block
    if found.st_size < summary.offset:  # it was replaced
        summary.begin_again()
        summary.first_steps.clear()
        summary.own_steps.clear()
    began = summary.offset
    for line, offset in read_lines(path, began):
        if line is not None and not summary.add(line):
            summary.begin_again()
            return True
        summary.offset = offset
        if limit_bytes is not None and offset - began >= limit_bytes:
            break
    return summary.offset != began


def read_summary(layout: RunLayout) -> Summary | None:
    """The summary of a run, caught up in memory; None for a run without metrics."""
    summary = load(layout.metrics_summary) or Summary()
    try:
        while catch_up(summary, layout.metrics):
            pass
    except OSError:
        return None
    return summary


def save(summary: Summary, path: Path) -> None:
    """Write it, whole or not at all.

    Raises:
        OSError: The file system refused.
    """
    write_json(path, {"schema": SCHEMA} | _jsonable(asdict(summary)), indent=None)


def load(path: Path) -> Summary | None:
    """Read it back; None where it is missing, damaged or of another version: it is made again from the lines."""
    try:
        data: Any = parse_json(read_bounded(path, _MAX_SUMMARY_BYTES))
        if data["schema"] != SCHEMA or data["offset"] < 0:
            return None
        return Summary(
            offset=int(data["offset"]),
            lines=int(data["lines"]),
            first_steps={int(attempt): _named_steps(steps) for attempt, steps in data["first_steps"].items()},
            own_steps=[str(name) for name in data["own_steps"]],
            reached=None if data["reached"] is None else (int(data["reached"][0]), int(data["reached"][1])),
            ends=_steps(data["ends"]),
            last_step=_step(data["last_step"]),
            highest_step=_step(data["highest_step"]),
            series={visible(str(name)): _series(one) for name, one in data["series"].items()},
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return None


def _steps(data: Mapping[str, Any]) -> dict[int, int]:
    return {int(attempt): int(step) for attempt, step in data.items()}


def _named_steps(data: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): int(step) for name, step in data.items()}


def _series(data: Mapping[str, Any]) -> Series:
    return Series(
        count=int(data["count"]),
        last=_point(data["last"]),
        low=_point(data["low"]),
        high=_point(data["high"]),
        first_not_finite=_point(data["first_not_finite"]),
        not_finite_since=_point(data["not_finite_since"]),
        stride=max(1, int(data["stride"])),
        points=[(_step(step), float(value)) for step, value in data["points"]],
    )


def _point(data: Mapping[str, Any] | None) -> Point | None:
    if data is None:
        return None
    return Point(_step(data["step"]), float(data["value"]), int(data["attempt"]), float(data["time"]))


def _step(value: object) -> int | None:
    return None if value is None else int(str(value))


def _jsonable(value: Any) -> Any:  # noqa: ANN401 - what asdict gives
    """NaN and infinities as the texts that metrics.jsonl has for them."""
    if isinstance(value, dict):
        return {name: _jsonable(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return as_text(value)
    return value


def as_text(value: float) -> str:
    """The text for a number that JSON does not have."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
