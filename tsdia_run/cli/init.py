"""`tsdia-run init`: show how a script takes its directory and checkpoint, and write a tsdia-run.yml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tsdia_run.cli import options
from tsdia_run.rundir.env import OPTION_PREFIX

if TYPE_CHECKING:
    from tsdia_run.workflow.project_file import ProjectFile

Script = Annotated[
    str | None,
    typer.Argument(metavar="SCRIPT", help="The training script; without it, the usual one in this directory."),
]
Json = Annotated[
    bool,
    typer.Option("--json", envvar=f"{OPTION_PREFIX}JSON", help="Print what was found as JSON. Example: init --json"),
]


def init(script: Script = None, as_json: Json = False, debug: options.Debug = False) -> None:
    """Write a tsdia-run.yml with the options by which a script takes its directory and checkpoint.

    The script is read, never run.

    \b
    tsdia-run init
    tsdia-run init src/train.py
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    # Imported here, so that --help starts light.
    from pathlib import Path

    from tsdia_run.report.suggestions import start_first
    from tsdia_run.text import shown
    from tsdia_run.workflow import project_file

    file = project_file.describe(script, Path.cwd())
    typer.echo(_as_json(file) if as_json else "\n".join(_as_text(file)))
    project_file.write(file)
    if not as_json:
        typer.echo(f"wrote {shown(file.path)}\nstart it: {start_first()}")


def _as_text(file: ProjectFile) -> list[str]:
    from tsdia_run.text import visible

    found = file.found
    if found is None:
        return [f"{file.script} is not a Python script that tsdia-run can parse; nothing was found in it"]
    lines = [f"{file.script} ({', '.join(found.libraries) or 'no parser of arguments was found'})"]
    if found.commands and found.run_dir is None:
        lines.append(f"  sub-commands   {', '.join(found.commands)}: the options follow from the one that you type")
        return list(map(visible, lines))
    for name, passing in (("config", found.config), ("run directory", found.run_dir), ("checkpoint", found.checkpoint)):
        if passing is None:
            lines.append(f"  {name:<14} not found")
            continue
        words = " ".join(passing.words) or ("found by the script" if name == "checkpoint" else "none")
        form = f" ({passing.form.value})" if passing.form and passing.words else ""
        lines.append(f"  {name:<14} {words}{form}  {passing.place or ''}".rstrip())
    return list(map(visible, lines))


def _as_json(file: ProjectFile) -> str:
    import json

    found = file.found
    named = {} if found is None else {"config": found.config, "run_dir": found.run_dir, "checkpoint": found.checkpoint}
    passed = {
        name: {
            "words": list(passing.words),
            "file": passing.place.file if passing.place else None,
            "line": passing.place.line if passing.place else None,
            **({"form": passing.form.value if passing.form else None} if name == "checkpoint" else {}),
        }
        if passing
        else None
        for name, passing in named.items()
    }
    data = {
        "schema": 1,
        "path": str(file.path),
        "script": file.script,
        "libraries": list(found.libraries) if found else [],
        "commands": list(found.commands) if found else [],
        "config": None,
        "run_dir": None,
        "checkpoint": None,
        **passed,
        "settings": file.settings,
    }
    return json.dumps(data, indent=2)
