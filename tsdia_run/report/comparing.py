"""Compare runs: tables of what differs, one column per run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tsdia_run.errors import UsageError
from tsdia_run.files.fields import read_bounded
from tsdia_run.report import attempt_info, configs
from tsdia_run.report.attempt_info import AttemptInfo
from tsdia_run.report.formatting import number
from tsdia_run.report.sparkline import sparklines
from tsdia_run.report.status import RunStatus
from tsdia_run.rundir import summary_file
from tsdia_run.rundir.arguments import by_flag
from tsdia_run.rundir.headline import best, headline
from tsdia_run.rundir.metrics import as_text
from tsdia_run.rundir.metrics_series import Point, Series
from tsdia_run.rundir.metrics_summary import Summary
from tsdia_run.text import count, duration, nearest, visible

_CURVE_WIDTH = 50
_MOST_PACKAGES = 40
_MAX_PATCH_BYTES = 64 * 1024 * 1024
_ABSENT = "-"


@dataclass(frozen=True)
class Side:
    """One of the runs.

    Attributes:
        name: Its name in the comparison.
        status: Its status.
        newest: The command, code and environment of its newest attempt.
        config: The values of its config by dotted key; a path inside the run directory begins with ``{run_dir}``.
        summary: Its metrics.
    """

    name: str
    status: RunStatus
    newest: AttemptInfo
    config: Mapping[str, str] | None
    summary: Summary


@dataclass(frozen=True)
class ComparisonTable:
    """A part of the comparison.

    Attributes:
        title: The title.
        columns: The headers of the columns.
        rows: The cells.
        note: A note below the table; may be empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def side(status: RunStatus, name: str) -> Side:
    """Read one run. Never raises for unreadable files."""
    layout, run = status.layout, status.run
    attempt = layout.attempt(run.last.number if run else 0)
    known = attempt_info.read(attempt)
    found = configs.values(attempt.config if os.path.isfile(attempt.config) else layout.config)
    own = None if found is None else {key: _relative(text, layout.root, known.cwd) for key, text in found.items()}
    return Side(name, status, known, own, summary_file.read_summary(layout) or Summary())


def _relative(text: str, run_dir: Path, cwd: str | None) -> str:
    if os.sep not in text or cwd is None:
        return text
    path = Path(os.path.abspath(os.path.join(cwd, os.path.expanduser(text))))
    inside = path == run_dir or run_dir in path.parents
    return os.path.join("{run_dir}", os.path.relpath(path, run_dir)).removesuffix("/.") if inside else text


def compare(sides: Sequence[Side], metric: str | None, now: datetime) -> list[ComparisonTable]:
    """Return the tables of everything that differs, and of the metrics.

    Args:
        sides: The runs, two or more.
        metric: The metric whose curves to show; None for the main metric of the first run that has one.
        now: The current time, for the duration of a running run.

    Raises:
        UsageError: No run has such a metric.
    """
    names = tuple(one.name for one in sides)
    tables = [
        ComparisonTable("runs", ("", *names), _states(sides, now)),
        ComparisonTable("arguments", ("argument", *names), _differing_arguments(sides)),
        ComparisonTable("config", ("key", *names), _differing_config(sides)),
        ComparisonTable("code", ("", *names), *_code(sides)),
        ComparisonTable("environment", ("", *names), *_environment(sides)),
        ComparisonTable("metrics", ("metric", *names), _metrics(sides)),
        _curves(sides, metric),
    ]
    return [_cleaned(table) for table in tables if table.rows or table.note]


def _cleaned(table: ComparisonTable) -> ComparisonTable:
    head, *rows = (tuple(map(visible, cells)) for cells in (table.columns, *table.rows))
    return ComparisonTable(visible(table.title), head, tuple(rows), visible(table.note))


def _states(sides: Sequence[Side], now: datetime) -> tuple[tuple[str, ...], ...]:
    def lasted(one: Side) -> str:
        return duration(one.status.run.lasted_s(now)) if one.status.run else _ABSENT

    def step(one: Side) -> str:
        return _ABSENT if one.summary.last_step is None else str(one.summary.last_step)

    return (
        ("state", *(one.status.word for one in sides)),
        ("duration", *map(lasted, sides)),
        ("step", *map(step, sides)),
        *_where_different("set", ["  ".join(one.newest.overrides) or _ABSENT for one in sides]),
        *_where_different("entrypoint", [one.newest.entrypoint or _ABSENT for one in sides]),
    )


def _differing_arguments(sides: Sequence[Side]) -> tuple[tuple[str, ...], ...]:
    found = configs.differing([by_flag(one.newest.arguments) for one in sides])
    table = {name: [_ABSENT if text is None else text for text in texts] for name, texts in found.items()}
    return tuple((name, *configs.shortened(texts)) for name, texts in table.items())


def _differing_config(sides: Sequence[Side]) -> tuple[tuple[str, ...], ...]:
    found = configs.differing([one.config for one in sides])
    found = {key: texts for key, texts in found.items() if not all(map(_is_own_place, texts))}
    table = {key: [_ABSENT if text is None else text for text in texts] for key, texts in found.items()}
    return tuple((key, *configs.shortened(texts)) for key, texts in table.items())


def _is_own_place(text: str | None) -> bool:
    """Return whether a value is only the path of the run, or of the checkpoint that it resumed from."""
    return text is None or text == "null" or text.startswith("{run_dir}")


def _code(sides: Sequence[Side]) -> tuple[tuple[tuple[str, ...], ...], str]:
    commits = list(dict.fromkeys(one.newest.code.commit for one in sides if one.newest.code.commit))
    rows = (
        *_where_different("commit", [str(one.newest.code) for one in sides]),
        *_where_different("changes", [_patch(one) for one in sides]),
    )
    note = f"git diff {commits[0]} {commits[1]}" if len(commits) == 2 else ""
    return rows, note


def _patch(one: Side) -> str:
    """Return a short hash of the uncommitted changes: the same changes have the same hash."""
    run = one.status.run
    try:
        data = read_bounded(one.status.layout.attempt(run.last.number if run else 0).patch, _MAX_PATCH_BYTES)
    except FileNotFoundError:
        return "none"
    except (OSError, ValueError):
        return "unreadable"
    lines = sum(line[:1] in (b"+", b"-") and line[:3] not in (b"+++", b"---") for line in data.splitlines())
    return f"{count(lines, 'line')}, {hashlib.sha256(data).hexdigest()[:8]}"


def _environment(sides: Sequence[Side]) -> tuple[tuple[tuple[str, ...], ...], str]:
    versions = configs.differing([one.newest.packages or None for one in sides])
    packages = [(name, *(_ABSENT if text is None else text for text in texts)) for name, texts in versions.items()]
    rows = (
        *_where_different("launcher", [one.newest.launcher or _ABSENT for one in sides]),
        *_where_different("machine", [one.newest.host or _ABSENT for one in sides]),
        *_where_different("gpus", [one.newest.gpus or _ABSENT for one in sides]),
        *_where_different("python", [one.newest.python or _ABSENT for one in sides]),
        *packages[:_MOST_PACKAGES],
    )
    more = len(packages) - _MOST_PACKAGES
    return rows, f"… and {count(more, 'package')} more" if more > 0 else ""


def _where_different(name: str, texts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    return ((name, *texts),) if len(set(texts)) > 1 else ()


def _metrics(sides: Sequence[Side]) -> tuple[tuple[str, ...], ...]:
    names = dict.fromkeys(name for one in sides for name in one.summary.series)
    return tuple((name, *(_cell(name, one.summary.series.get(name)) for one in sides)) for name in names)


def _cell(name: str, series: Series | None) -> str:
    if series is None or series.last is None:
        return _ABSENT
    top = best(name, series)
    return _point(series.last) + (f", best {_point(top)}" if top else "")


def _point(point: Point) -> str:
    value = number(point.value) if point.value - point.value == 0 else as_text(point.value)
    return value + ("" if point.step is None else f" @{point.step}")


def _curves(sides: Sequence[Side], metric: str | None) -> ComparisonTable:
    known = list(dict.fromkeys(name for one in sides for name in one.summary.series))
    if metric is None:
        found = next((first for one in sides if (first := headline(one.summary.series))), None)
        metric = found.name if found else next(iter(known), None)
    elif metric not in known:
        near = nearest(metric, known)
        meant = f"; did you mean {near}?" if near else ""
        raise UsageError(f"no run has the metric {metric!r}{meant}", hint=f"Metrics: {', '.join(known) or 'none'}")
    if metric is None:
        return ComparisonTable("", (), ())
    points = {one.name: one.summary.series[metric].points for one in sides if metric in one.summary.series}
    steps = [step for curve in points.values() for step, _ in curve if step is not None]
    rows = tuple(zip(points, sparklines(list(points.values()), _CURVE_WIDTH), strict=True))
    title = metric + (f" over steps {min(steps)} to {max(steps)}" if steps else "")
    return ComparisonTable(title, ("run", ""), rows)
