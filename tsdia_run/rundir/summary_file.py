"""Read and write the summary of a run's metrics, and update it from metrics.jsonl."""

from __future__ import annotations

import errno
import math
import stat
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tsdia_run.files.atomic import write_json
from tsdia_run.files.fields import parse_json, read_bounded
from tsdia_run.rundir import metrics_reader
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.metrics import as_text
from tsdia_run.rundir.metrics_series import Point, Series
from tsdia_run.rundir.metrics_summary import Summary
from tsdia_run.text import visible

SCHEMA = 3
_MAX_BYTES = 256 * 1024 * 1024


def catch_up(summary: Summary, path: Path, limit_bytes: int | None = None) -> bool:
    """Add the lines of the file that the summary does not cover yet.

    Args:
        summary: The summary, which is changed.
        path: metrics.jsonl.
        limit_bytes: About how much to read at once; None for everything.

    Returns:
        Whether any line was read.

    Raises:
        OSError: The file can't be read.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))  # a pipe would block
    if found.st_size < summary.offset:  # it was replaced
        summary.reset()
        summary.first_steps.clear()
        summary.own_steps.clear()
    began = summary.offset
    for blocks, offset in metrics_reader.read_blocks(path, began, limit_bytes):
        if not all(map(summary.add, blocks)):
            summary.reset()
            return True
        summary.offset = offset
        if limit_bytes is not None:
            break
    return summary.offset != began


def read_summary(layout: RunLayout) -> Summary | None:
    """Return the summary of a run, updated in memory; None for a run without metrics."""
    summary = load(layout.metrics_summary) or Summary()
    try:
        while catch_up(summary, layout.metrics):
            pass
    except OSError:
        return None
    return summary


def save(summary: Summary, path: Path) -> None:
    """Write the summary atomically.

    Raises:
        OSError: The file can't be written.
    """
    write_json(path, {"schema": SCHEMA} | _jsonable(asdict(summary)), indent=None)


def load(path: Path) -> Summary | None:
    """Read the summary; None if it is missing, damaged or of another version: it is built again from metrics.jsonl."""
    try:
        data: Any = parse_json(read_bounded(path, _MAX_BYTES))
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
        highest_step=_step(data["highest_step"]),
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


def _jsonable(value: Any) -> Any:  # noqa: ANN401 - the result of asdict
    """Replace NaN and infinities by the strings that metrics.jsonl uses."""
    if isinstance(value, dict):
        return {name: _jsonable(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return as_text(value)
    return value
