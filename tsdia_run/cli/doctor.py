"""`tsdia-run doctor`: check what a start needs, and show how to fix what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tsdia_run.cli import options, reading
from tsdia_run.settings import Layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsdia_run.doctor.grades import Finding, Grade
    from tsdia_run.report.suggestions import TypedCommand

_SCHEMA = 1

ConfigFile = Annotated[
    str | None,
    typer.Argument(
        metavar="CONFIG|SCRIPT", show_default=False, help="Also check what a start with this config or script needs."
    ),
]


@options.with_settings
def doctor(
    context: typer.Context,
    flags: Layer,
    config_file: ConfigFile = None,
    as_json: reading.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """Check interpreter, Accelerate config, GPUs, disk, locks, W&B and scheduler; change nothing; exit 1 on an error.

    \b
    tsdia-run doctor
    tsdia-run doctor config.yml
    tsdia-run doctor config.yml --num-processes 4 --json
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    import json
    import os
    import sys
    from pathlib import Path

    from tsdia_run.cli import command_line
    from tsdia_run.doctor.checkup import examine, is_red
    from tsdia_run.doctor.situation import Situation
    from tsdia_run.text import visible_lines

    reading.prepare_output()
    found = examine(Situation(flags, config_file, Path.cwd(), dict(os.environ)))
    typed = command_line.read(context).as_new()  # the hints are those of a start
    if as_json:
        rows = [dict(zip(("check", "state", "found", "fix"), _texts(one, typed), strict=True)) for one in found]
        state = max((one.grade for one in found), key=_badness).value
        sys.stdout.write(json.dumps({"schema": _SCHEMA, "state": state, "checks": rows}, indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{visible_lines(line)}\n" for one in found for line in _lines(one, typed)))
    sys.stdout.flush()
    sys.exit(1 if is_red(found) else 0)


def _badness(grade: Grade) -> int:
    return ["ok", "warning", "error"].index(grade.value)


def _texts(one: Finding, typed: TypedCommand) -> tuple[str, str, str, str | None]:
    """Return the name, state, facts and fix of a finding."""
    from tsdia_run.cli import hints, wording

    if one.error is None:
        return one.name, one.grade.value, one.found, one.fix or None
    return one.name, one.grade.value, wording.message(one.error), hints.hint(one.error, typed) or one.fix or None


def _lines(one: Finding, typed: TypedCommand) -> Iterator[str]:
    name, state, found, fix = _texts(one, typed)
    colour = {"ok": "green", "warning": "yellow", "error": "red"}[state]
    word = f"{state:7}"
    shown = typer.style(word, fg=colour) if reading.has_colours() else word
    first, *rest = found.splitlines()
    yield f"{shown}  {name:13}  {first}"
    yield from (f"{'':24}{line}" for line in rest)
    for number, line in enumerate((fix or "").splitlines()):
        yield f"{'':24}{'or: ' if number and one.error is None else '     ' if number else 'fix: '}{line}"
