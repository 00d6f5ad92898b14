"""The command line: the list of commands, and the one place that turns errors into text and exit codes."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from tsdia_run import __version__
from tsdia_run.cli.completion import ASK, answer
from tsdia_run.cli.console import say
from tsdia_run.cli.light import LightCommand, LightGroup, RefusedError
from tsdia_run.cli.script_words import KnownOptions, split
from tsdia_run.errors import TsdiaRunError, UsageError
from tsdia_run.rundir.env import OPTION_PREFIX

_OVERVIEW = """\
tsdia-run: run training scripts and record everything about each run

  tsdia-run new config.yml    start a run in a directory that cannot be overwritten
  tsdia-run resume runs/exp   resume from its newest complete checkpoint
  tsdia-run info runs/exp     show what happened, what exists and what to do next

Run     new, resume, ensure, wait, stop, init
View    info, list, compare, logs
Check   doctor, config
Shell   completion

tsdia-run COMMAND -h          show options and examples of a command
"""

# Name: module and function in this folder (imported when needed), and the line in the overview.
COMMANDS = {
    "new": ("new.new", "Start a run in its own directory."),
    "resume": ("resume.resume", "Resume a run from a checkpoint."),
    "ensure": ("ensure.ensure", "Start, resume or skip a run, as needed."),
    "wait": ("wait.wait", "Wait until a run ends."),
    "stop": ("stop.stop", "Stop a running run."),
    "init": ("init.init", "Write a tsdia-run.yml with the options that a script declares."),
    "info": ("info.info", "Show everything about a run."),
    "list": ("listing.list_runs", "List runs."),
    "compare": ("compare.compare", "Compare runs."),
    "logs": ("logs.logs", "Show or follow a run's log."),
    "doctor": ("doctor.doctor", "Check what a start needs, and show how to fix it."),
    "config": ("config.config", "Show every setting and where it comes from."),
    "completion": ("completion.completion", "Print a shell completion script."),
}
# The commands whose words after `--` are arguments for the script. For the others, `--` ends the options.
TAKE_ARGUMENTS = frozenset({"new", "resume", "ensure"})


def build(names: Iterable[str] = tuple(COMMANDS)) -> typer.Typer:
    """Build the command line, with all commands or only the given ones."""
    app = typer.Typer(
        name="tsdia-run",
        cls=LightGroup,
        add_completion=False,  # completion.py is three times faster
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # rich would double the time of --help
        context_settings={"help_option_names": ["-h", "--help"]},
        help="""Run a training script and record its config, code, environment, logs and how it ended.

        \b
        tsdia-run new config.yml     start a run in a directory that cannot be overwritten
        tsdia-run resume runs/exp    resume from its newest complete checkpoint
        tsdia-run info runs/exp      show what happened, what exists and what to do next
        """,
    )
    app.callback(invoke_without_command=True)(_global)
    for name in names:
        place, short_help = COMMANDS[name]
        module, _, function = place.partition(".")
        command = getattr(importlib.import_module(f"tsdia_run.cli.{module}"), function)
        app.command(name, cls=LightCommand, short_help=short_help)(command)
    return app


def _show_version(is_asked: bool) -> None:
    if is_asked:
        sys.stdout.write(f"tsdia-run {__version__}\n")
        raise typer.Exit


def _global(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        sys.stdout.write(_OVERVIEW)
        raise typer.Exit(UsageError.exit_code)


def main() -> None:
    """Entry point of the installed command."""
    words = sys.argv[1:]
    if words[:2] == ["completion", ASK]:
        answer(tuple(COMMANDS), build, words[2:])
        return
    command = next((word for word in words if not word.startswith("-")), None)
    ours, script = words, tuple[str, ...]()
    try:
        # All commands for the overview, and to suggest a similar one.
        app: Any = typer.main.get_command(build([command]) if command in COMMANDS else build())
        if command in TAKE_ARGUMENTS:
            ours, script = _split(app, command, words)
        app(args=ours, prog_name="tsdia-run", obj=script)
    except RefusedError as refused:
        _show_refusal(refused, _is_debug(ours))
        sys.exit(refused.error.exit_code)
    except UsageError as error:
        _show(error, error.message, error.hint, _is_debug(ours))
        sys.exit(error.exit_code)
    except OSError as error:
        message = f"{error.strerror}: {error.filename}" if error.filename else str(error)
        _show(error, message, "", _is_debug(ours))
        sys.exit(os.EX_IOERR)
    except Exception as error:  # Show no traceback without --debug.
        bug = f"this is a bug in tsdia-run: {type(error).__name__}: {error}"
        _show(error, bug, "Run it again with --debug for a traceback, and please report it.", _is_debug(ours))
        sys.exit(TsdiaRunError.exit_code)


def _is_debug(words: list[str]) -> bool:
    return "--debug" in words or bool(os.environ.get(f"{OPTION_PREFIX}DEBUG"))


def _split(app: Any, command: str, words: list[str]) -> tuple[list[str], tuple[str, ...]]:  # noqa: ANN401 - Typer's own
    """Return the words of a command itself, and those of the script.

    Raises:
        UsageError: The command does not take some of the words.
    """
    known = KnownOptions.of(app.commands[command])
    begin = words.index(command) + 1
    found = split(words[begin:], known, os.path.exists, takes_launchers=command != "resume")
    if found.foreign and not {"-h", "--help"} & {flag for flag, _ in found.options}:
        from tsdia_run.cli.foreign_words import refusal

        raise refusal(command, found, known)
    return [*words[:begin], *found.ours], found.script


def _show_refusal(refused: RefusedError, is_debug: bool) -> None:
    # Imported here: only what fails needs them.
    from tsdia_run.cli import command_line, hints, wording

    error = refused.error
    _show(error, wording.message(error), hints.hint(error, command_line.read(refused.context)), is_debug)


def _show(error: BaseException, message: str, hint: str, is_debug: bool) -> None:
    if is_debug:
        traceback.print_exception(error)
    from tsdia_run.files.redaction import Redactor

    # An error may quote a line of the config.
    redactor = Redactor.from_environment(os.environ)
    say(f"error: {redactor.quoted(message)}")
    for line in redactor.text(hint).splitlines():
        say(f"  {line}", prefix="")
