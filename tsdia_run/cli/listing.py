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
        help="Folders that contain runs. Default: the setting `roots`, and the runs started from this project.",
    ),
]
All = Annotated[
    bool,
    typer.Option(
        "--all",
        envvar=f"{OPTION_PREFIX}ALL",
        help="List the runs of all projects, with their project. Example: list --all",
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
    every: All = False,
    states: States = None,
    since: reading.Since = None,
    sort: Sort = "age",
    columns: Columns = None,
    limit: Limit = None,
    as_csv: AsCsv = False,
    as_json: reading.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """List the runs of this project, newest first: state, age, step, best metric, checkpoints, size and W&B run.

    \b
    tsdia-run list
    tsdia-run list --all
    tsdia-run list --state failed --since 7d
    tsdia-run list runs /data/runs --sort best --columns +path
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    import gc
    from datetime import datetime, timezone

    from tsdia_run.report import columns as known
    from tsdia_run.report.formatting import NoState
    from tsdia_run.report.rows import with_entrypoint, with_projects
    from tsdia_run.text import argument

    reading.prepare_output()
    gc.disable()  # nothing here makes cycles, and thousands of rows wake it again and again
    chosen = known.chosen(columns, of_all_projects=every)
    where = _where(roots, every=every)
    rows = _wanted(where, states, since)
    named = {sort.removeprefix("-"), *(column.name for column in chosen)}
    if as_json or "entrypoint" in named:
        rows = [with_entrypoint(row) for row in rows]
    if as_json or known.PROJECT in named:
        rows = with_projects(rows, where.known)
    rows = known.sort(rows, sort)[:limit]
    now = datetime.now(timezone.utc)
    if as_json:
        _write_json(rows)
    elif as_csv:
        _write_csv(rows, chosen)
    else:
        _show(rows, chosen, now, is_usual=columns is None)
        if not rows:
            _tell_empty(where, is_filtered=bool(states or since))
    words = ["--all"] if every else [argument(root) for root in roots or ()]
    _tell_damaged([row for row in rows if row.state is NoState.DAMAGED], words)


def _where(roots: Sequence[str] | None, *, every: bool) -> Places:
    from tsdia_run.errors import UsageError
    from tsdia_run.report.places import places

    if every and roots:
        raise UsageError("--all cannot be combined with ROOT", hint="Use one of them.")
    found = places(roots)
    return found.everywhere() if every else found


def _tell_empty(where: Places, *, is_filtered: bool) -> None:
    """Say where no run was found, and how to see the runs of other projects."""
    from tsdia_run.cli.console import say
    from tsdia_run.report.suggestions import list_runs

    if is_filtered:
        say("no runs match")
        return
    project = f" in the project {where.project}" if where.project else ""
    say(f"no runs found{project}; start one: tsdia-run new CONFIG")
    if where.project and where.known:
        say(f"the runs of all projects: {list_runs('--all')}")


def _tell_damaged(damaged: Sequence[RunRow], words: Sequence[str]) -> None:
    if not damaged:
        return
    from pathlib import Path

    from tsdia_run.cli.console import say
    from tsdia_run.report.formatting import NoState
    from tsdia_run.report.suggestions import list_runs
    from tsdia_run.text import shown

    for row in damaged[:_MOST_DAMAGED]:
        say(f"{shown(Path(row.path))}: {row.reason}")
    if len(damaged) > _MOST_DAMAGED:
        command = list_runs(*words, "--state", NoState.DAMAGED.value, "--columns", "path,reason")
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
