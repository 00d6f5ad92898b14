"""The columns of a list of runs (pure)."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tsdia_run.errors import UsageError
from tsdia_run.report.formatting import number
from tsdia_run.report.rows import RunRow
from tsdia_run.text import age, duration, nearest, size, visible

Value = str | int | float | datetime | None


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: Its title, and its name for `--columns` and `--sort`.
        help: A description of the column.
        value: Returns its value for JSON, CSV and sorting: seconds, bytes, times.
        text: Returns its text for the table, at a given current time.
        is_right: Whether it is aligned to the right.
        is_largest_first: Whether sorting by it puts the largest value first.
    """

    name: str
    help: str
    value: Callable[[RunRow], Value]
    text: Callable[[RunRow, datetime], str]
    is_right: bool = False
    is_largest_first: bool = False


def _plain(value: Callable[[RunRow], Value]) -> Callable[[RunRow, datetime], str]:
    def text(row: RunRow, _: datetime) -> str:
        found = plain(value(row))
        return "-" if found is None else str(found)

    return text


def plain(value: Value) -> str | int | float | None:
    """Return a value for JSON and CSV: a time in ISO 8601."""
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value


def _age(row: RunRow, now: datetime) -> str:
    return "-" if row.started_at is None else age(now - row.started_at)


def _duration(row: RunRow, _: datetime) -> str:
    return "-" if row.duration_s is None else duration(row.duration_s)


def _best(row: RunRow, _: datetime) -> str:
    digest = row.digest
    if digest.best is None:
        return "-"
    at = "" if digest.best_step is None else f" @{digest.best_step}"
    return f"{digest.metric} {number(digest.best)}{at}"


def _column(name: str, description: str, value: Callable[[RunRow], Value], *, is_number: bool = False) -> Column:
    return Column(name, description, value, _plain(value), is_right=is_number, is_largest_first=is_number)


PROJECT = "project"
COLUMNS = (
    _column("run", "its name, or its path if another run has the same name", lambda row: row.name),
    _column("state", "its state", lambda row: row.word),
    Column("age", "time since its newest attempt started", lambda row: row.started_at, _age, True, True),
    Column("duration", "total time of its attempts", lambda row: row.duration_s, _duration, True, True),
    _column("step", "the last step", lambda row: row.digest.step, is_number=True),
    Column(
        "best", "the main metric with its best value and the step of that value", lambda row: row.digest.best, _best
    ),
    _column("checkpoints", "number of checkpoints", lambda row: row.digest.checkpoints, is_number=True),
    Column(
        "size",
        "size of all its files",
        lambda row: row.digest.size_bytes,
        lambda row, _: size(row.digest.size_bytes),
        True,
        True,
    ),
    _column("wandb", "the id of its W&B run", lambda row: row.digest.wandb_id),
    _column("entrypoint", "its script, module or executable", lambda row: row.entrypoint),
    _column("attempts", "number of attempts", lambda row: row.attempts, is_number=True),
    _column("host", "machine of its newest attempt", lambda row: row.host),
    _column("started", "when its newest attempt started", lambda row: row.started_at),
    _column("ended", "when its newest attempt ended", lambda row: row.ended_at),
    _column("reason", "how it ended, or what is wrong with its record", lambda row: row.reason),
    _column("id", "its id", lambda row: row.run_id),
    _column("path", "its directory", lambda row: row.path),
    _column(PROJECT, "the folder of its project, else the folder that holds the run", lambda row: row.folder),
)
DEFAULT = COLUMNS[:9]
_BETWEEN = "  "
_BY_NAME = {column.name: column for column in COLUMNS}


def chosen(names: str | None, *, of_all_projects: bool = False) -> tuple[Column, ...]:
    """Return the columns for ``--columns``: names, or `+` and names to add to the default columns.

    Args:
        names: The value of ``--columns``.
        of_all_projects: Whether the list has runs of several projects; the default columns then have the project.

    Raises:
        UsageError: No column has such a name.
    """
    default = (DEFAULT[0], _BY_NAME[PROJECT], *DEFAULT[1:]) if of_all_projects else DEFAULT
    if names is None:
        return default
    requested = [name for name in names.removeprefix("+").replace(" ", "").split(",") if name]
    return (*(default if names.startswith("+") else ()), *named(requested))


def named(names: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns with these names.

    Raises:
        UsageError: No column has such a name.
    """
    for name in names:
        if name not in _BY_NAME:
            near = nearest(name, _BY_NAME)
            raise UsageError(
                f"no column {name!r}" + (f"; did you mean {near}?" if near else ""),
                hint=f"Columns: {', '.join(_BY_NAME)}",
            )
    return tuple(_BY_NAME[name] for name in names)


def sort(rows: list[RunRow], by: str) -> list[RunRow]:
    """Sort rows by a column; a `-` before its name reverses the order. Rows without a value come last.

    Raises:
        UsageError: No column has such a name.
    """
    column = named([by.removeprefix("-")])[0]
    is_reversed = column.is_largest_first is not by.startswith("-")
    known = [(value, row) for row in rows if (value := column.value(row)) is not None]
    known.sort(key=lambda entry: entry[0], reverse=is_reversed)
    return [row for _, row in known] + [row for row in rows if column.value(row) is None]


def distinct(rows: Sequence[RunRow]) -> Sequence[RunRow]:
    """Return the rows; rows that share a name have their paths as names."""
    names = Counter(row.name for row in rows)
    if len(names) == len(rows):
        return rows
    return [row._replace(name=row.path) if names[row.name] > 1 else row for row in rows]


def cells(rows: Sequence[RunRow], columns: Sequence[Column], now: datetime) -> list[list[str]]:
    """Return the texts of the rows."""
    return [[visible(column.text(row, now)) for column in columns] for row in rows]


def fitting(table: Sequence[Sequence[str]], columns: Sequence[Column], width: int) -> int:
    """Return how many columns, from the left, fit into ``width`` characters; at least two."""
    ends = list(itertools.accumulate(one + len(_BETWEEN) for one in _widths(table, columns)))
    return max(2, sum(end - len(_BETWEEN) <= width for end in ends))


def span(table: Sequence[Sequence[str]], columns: Sequence[Column], name: str) -> slice | None:
    """Return the position of a column in the lines of ``aligned``; None if the column is missing."""
    at = next((at for at, column in enumerate(columns) if column.name == name), None)
    if at is None:
        return None
    widths = _widths(table, columns)
    start = sum(widths[:at]) + at * len(_BETWEEN)
    return slice(start, start + widths[at])


def aligned(table: Sequence[Sequence[str]], columns: Sequence[Column]) -> list[str]:
    """Return the table as lines of plain text, with a header."""
    *_, last = columns
    forms = [
        f"%{width}s" if column.is_right else "%s" if column is last else f"%-{width}s"
        for column, width in zip(columns, _widths(table, columns), strict=True)
    ]
    form = _BETWEEN.join(forms)
    return [form % tuple(texts) for texts in ([column.name for column in columns], *table)]


def _widths(table: Sequence[Sequence[str]], columns: Sequence[Column]) -> list[int]:
    return [max(map(len, texts)) for texts in zip([column.name for column in columns], *table, strict=True)]
