"""Make docs/cli.md from the commands: ``make docs``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import typer

from tsdia_run.cli.main import build

PAGE = Path(__file__).with_name("cli.md")
_HEAD = """\
# Commands

Made by `make docs` from the commands themselves, which say the same with `-h`. An option can also be set by its
variable; what stands on the command line wins. What an exit code means: [endings.md](endings.md).
"""


def text() -> str:
    """The whole page."""
    commands: dict[str, Any] = vars(typer.main.get_command(build()))["commands"]
    return "\n".join([_HEAD, *(_section(name, command) for name, command in commands.items())])


def _section(name: str, command: Any) -> str:  # noqa: ANN401 - Typer does not export its classes
    about, _, examples = inspect.cleandoc(command.help).partition("\b\n")
    arguments = [param for param in command.params if not param.opts[0].startswith("-")]
    options = [param for param in command.params if param.opts[0].startswith("-")]
    usage = " ".join(["tsdia-run", name, *(param.metavar or param.name.upper() for param in arguments), "[OPTIONS]"])
    lines = [f"## `{usage}`", "", about.strip(), "", "```bash", *examples.splitlines(), "```", ""]
    lines += [f"- {param.metavar}: {param.help}" for param in arguments] + [""] * bool(arguments)
    lines += ["| option | variable | |", "| --- | --- | --- |"]
    return "\n".join([*lines, *map(_row, options), ""])


def _row(option: Any) -> str:  # noqa: ANN401 - Typer does not export its classes
    words = ", ".join(f"`{word}`" for word in option.opts)
    value = "" if getattr(option, "is_flag", False) else f" {option.metavar}"
    variable = f"`{option.envvar}`" if option.envvar else ""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in (words + value, variable, option.help or "")) + " |"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
