"""`tsdia-run list`: all runs in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tsdia_run.cli import options, reading
from tsdia_run.rundir.env import OPTION_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from tsdia_run.report.columns import Column
    from tsdia_run.report.places import Places
    from tsdia_run.report.rows import RunRow

_MOST_DAMAGED = 5

Roots = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ROOT",
        show_default=False,
        help="Folders that contain runs. Default: the setting `roots`, and all runs that you started elsewhere.",
    ),
]
States = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        envvar=f"{OPTION_PREFIX}STATE",
        metavar="STATE",
        help="Only show runs in this state, such as failed; repeatable. Example: --state failed",
    ),
]
Sort = Annotated[
    str,
    typer.Option(
        "--sort",
        envvar=f"{OPTION_PREFIX}SORT",
        metavar="COLUMN",
        help="Sort by this column; a leading - reverses the order. Default: age. Example: --sort best",
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        envvar=f"{OPTION_PREFIX}COLUMNS",
        metavar="NAMES",
        help="Show these columns; a leading + adds them to the default ones. Example: --columns run,best,path",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit", envvar=f"{OPTION_PREFIX}LIMIT", min=1, metavar="N", help="Show at most N rows. Example: --limit 20"
    ),
]
AsCsv = Annotated[
    bool,
    typer.Option("--csv", envvar=f"{OPTION_PREFIX}CSV", help="Print CSV. Example: --csv"),
]


def list_runs(
    roots: Roots = None,
    states: States = None,
    since: reading.Since = None,
    sort: Sort = "age",
    columns: Columns = None,
    limit: Limit = None,
    as_csv: AsCsv = False,
    as_json: reading.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """List runs, newest first: state, age, duration, step, best metric, checkpoints, size and W&B run.

    \b
    tsdia-run list
    tsdia-run list --state failed --since 7d
    tsdia-run list runs /data/runs --sort best --columns +path
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    import gc
    from datetime import datetime, timezone

    from tsdia_run.report import columns as known
    from tsdia_run.report.formatting import NoState
    from tsdia_run.report.places import places
    from tsdia_run.report.rows import with_entrypoint

    reading.prepare_output()
    gc.disable()  # nothing here makes cycles, and thousands of rows wake it again and again
    chosen = known.chosen(columns)
    rows = _wanted(places(roots), states, since)
    if as_json or "entrypoint" in (sort.removeprefix("-"), *(column.name for column in chosen)):
        rows = [with_entrypoint(row) for row in rows]
    rows = known.sort(rows, sort)[:limit]
    now = datetime.now(timezone.utc)
    if as_json:
        _write_json(rows)
    elif as_csv:
        _write_csv(rows, chosen)
    else:
        _show(rows, chosen, now, is_usual=columns is None)
    _tell_damaged([row for row in rows if row.state is NoState.DAMAGED], roots or ())


def _tell_damaged(damaged: Sequence[RunRow], roots: Sequence[str]) -> None:
    if not damaged:
        return
    from pathlib import Path

    from tsdia_run.cli.console import say
    from tsdia_run.report.formatting import NoState
    from tsdia_run.report.suggestions import list_runs
    from tsdia_run.text import argument, shown

    for row in damaged[:_MOST_DAMAGED]:
        say(f"{shown(Path(row.path))}: {row.reason}")
    if len(damaged) > _MOST_DAMAGED:
        command = list_runs(*map(argument, roots), "--state", NoState.DAMAGED.value, "--columns", "path,reason")
        say(f"… and {len(damaged) - _MOST_DAMAGED} more: {command}")


def _wanted(where: Places, states: Sequence[str] | None, since: str | None) -> list[RunRow]:
    from datetime import datetime

    from tsdia_run.report.rows import in_states, rows, since_then, without_copied_ids
    from tsdia_run.report.times import parse_since

    found: Iterable[RunRow] = without_copied_ids(rows(where))
    if states:
        found = in_states(found, states)
    if since is not None:
        found = since_then(found, parse_since(since, datetime.now().astimezone()))
    return list(found)


def _write_json(rows: Sequence[RunRow]) -> None:
    import json
    import sys

    from tsdia_run.report.rows_json import to_json

    sys.stdout.write(json.dumps(to_json(rows), check_circular=False) + "\n")


def _write_csv(rows: Sequence[RunRow], columns: Sequence[Column]) -> None:
    import csv
    import sys

    from tsdia_run.report.columns import plain
    from tsdia_run.text import visible

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for row in rows:
        values = (plain(column.value(row)) for column in columns)
        writer.writerow([visible(value) if isinstance(value, str) else value for value in values])


def _show(rows: Sequence[RunRow], columns: Sequence[Column], now: datetime, *, is_usual: bool) -> None:
    """Print a table. On a terminal, colour the states and hide the last default columns that do not fit."""
    import shutil
    import sys

    from tsdia_run.cli.console import say
    from tsdia_run.report import columns as known

    if not rows:
        say("no runs found; start one: tsdia-run new CONFIG")
        return
    table = known.cells(known.distinct(rows), columns, now)
    hidden: Sequence[Column] = ()
    if sys.stdout.isatty() and is_usual:
        room = known.fitting(table, columns, shutil.get_terminal_size().columns)
        table, columns, hidden = [texts[:room] for texts in table], columns[:room], columns[room:]
    lines = known.aligned(table, columns)
    if reading.has_colours():
        lines = _coloured(lines, known.span(table, columns, "state"))
    sys.stdout.write("\n".join(lines) + "\n")
    if hidden:
        say(f"columns hidden for lack of space: {', '.join(column.name for column in hidden)}; choose with --columns")


def _coloured(lines: Sequence[str], state: slice | None) -> list[str]:
    head, *others = lines
    if state is not None:
        others = [
            line[: state.start] + reading.in_colour(line[state], line[state].rstrip()) + line[state.stop :]
            for line in others
        ]
    return [typer.style(head, bold=True), *others]
