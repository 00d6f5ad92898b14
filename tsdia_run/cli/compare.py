"""`tsdia-run compare`: the differences between runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tsdia_run.cli import options, reading
from tsdia_run.rundir.env import OPTION_PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsdia_run.report.comparing import ComparisonTable

_SCHEMA = 1

Runs = Annotated[list[str], typer.Argument(metavar="RUN", help="Two or more runs, by path or name.")]
Metric = Annotated[
    str | None,
    typer.Option(
        "--metric",
        envvar=f"{OPTION_PREFIX}METRIC",
        metavar="NAME",
        help="Compare the curves of this metric. Default: the first validation loss. Example: --metric val_loss",
    ),
]
AsMarkdown = Annotated[bool, typer.Option("--md", envvar=f"{OPTION_PREFIX}MD", help="Print Markdown. Example: --md")]
AsCsv = Annotated[
    bool,
    typer.Option(
        "--csv", envvar=f"{OPTION_PREFIX}CSV", help="Print CSV: table, row, then one column per run. Example: --csv"
    ),
]


def compare(
    runs: Runs,
    metric: Metric = None,
    as_markdown: AsMarkdown = False,
    as_csv: AsCsv = False,
    as_json: reading.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """Compare runs: config, code, environment and metrics.

    \b
    tsdia-run compare exp-1 exp-2
    tsdia-run compare exp-1 exp-2 exp-3 --metric val_loss --md
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    import json
    import sys
    from datetime import datetime, timezone

    from tsdia_run.errors import UsageError
    from tsdia_run.report.comparing import compare as differences
    from tsdia_run.report.comparing import side
    from tsdia_run.report.names import distinct
    from tsdia_run.report.status import look
    from tsdia_run.report.suggestions import list_runs

    reading.prepare_output()
    if len(runs) < 2:
        raise UsageError("compare needs at least two runs", hint=f"List all runs: {list_runs()}")
    found = reading.runs_named(runs)
    twice = next((path for at, path in enumerate(found) if path in found[:at]), None)
    if twice:
        raise UsageError(f"{twice.name} is given twice", hint=f"List all runs: {list_runs()}")
    sides = [side(look(path), name) for path, name in zip(found, distinct(found), strict=True)]
    tables = differences(sides, metric, datetime.now(timezone.utc))
    if as_json:
        made = [{"title": one.title, "columns": one.columns, "rows": one.rows, "note": one.note} for one in tables]
        paths = {one.name: str(one.status.layout.root) for one in sides}
        sys.stdout.write(json.dumps({"schema": _SCHEMA, "runs": paths, "tables": made}, indent=2) + "\n")
    elif as_csv:
        _write_csv(tables)
    elif as_markdown:
        _write_markdown(tables)
    else:
        _show(tables)


def _show(tables: Sequence[ComparisonTable]) -> None:
    from tsdia_run.report.formatting import PageSection, aligned

    reading.show(
        [
            PageSection(one.title, (*aligned([one.columns, *one.rows]), *([one.note] if one.note else [])))
            for one in tables
        ]
    )


def _write_csv(tables: Sequence[ComparisonTable]) -> None:
    import csv
    import sys

    writer = csv.writer(sys.stdout, lineterminator="\n")
    for one in tables:
        writer.writerows([one.title, *row] for row in (one.columns, *one.rows))


def _write_markdown(tables: Sequence[ComparisonTable]) -> None:
    import sys

    for one in tables:
        lines = [f"**{one.title}**", "", _markdown_row(one.columns), "|" + " --- |" * len(one.columns)]
        lines += map(_markdown_row, one.rows)
        sys.stdout.write("\n".join([*lines, "", *([f"{one.note}\n"] if one.note else [])]) + "\n")


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
