"""The command `tsdia-run`: its commands, and the one place where errors become text and exit codes."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Iterable
from typing import Annotated

import typer

from tsdia_run import __version__
from tsdia_run.cli.completion import ASK, answer
from tsdia_run.cli.console import say
from tsdia_run.cli.light import LightCommand, LightGroup, RefusedError
from tsdia_run.errors import TsdiaRunError, UsageError

_OVERVIEW = """\
tsdia-run: start training scripts, and keep everything about them

  tsdia-run new config.yml    start a run, in a directory that nothing can overwrite
  tsdia-run resume runs/exp   go on from its newest whole checkpoint
  tsdia-run info runs/exp     what happened, what is there, what to do next

Start   new, resume, ensure, stop
Look    info, list, compare, logs
Shell   completion

tsdia-run COMMAND -h          how to use a command, with examples
"""

# Name, and its module and function in this folder, and its line in the overview. Imported when it is needed.
COMMANDS = {
    "new": ("new.new", "Start a run in a directory of its own."),
    "resume": ("resume.resume", "Go on with a run, from a checkpoint."),
    "ensure": ("ensure.ensure", "Start, go on, or do nothing: whatever is missing."),
    "stop": ("stop.stop", "Ask a live run to end, from anywhere."),
    "info": ("info.info", "Tell all about one run."),
    "list": ("listing.list_runs", "List the runs."),
    "compare": ("compare.compare", "Show what differs between runs."),
    "logs": ("logs.logs", "Show what a run has said, or follow it."),
    "completion": ("completion.completion", "Print what makes a shell complete words."),
}


def build(names: Iterable[str] = tuple(COMMANDS)) -> typer.Typer:
    """The command line, with all commands or only those that are needed."""
    app = typer.Typer(
        name="tsdia-run",
        cls=LightGroup,
        add_completion=False,  # completion.py is three times as fast
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # rich would double the time that --help takes
        context_settings={"help_option_names": ["-h", "--help"]},
        help="""Run a training script and keep everything about it: config, code, environment, logs, how it ended.

        \b
        tsdia-run new config.yml     start a run, in a directory that nothing can overwrite
        tsdia-run resume runs/exp    go on from its newest whole checkpoint
        tsdia-run info runs/exp      what happened, what is there, what to do next
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
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version, and end.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        sys.stdout.write(_OVERVIEW)
        raise typer.Exit(UsageError.exit_code)


def main() -> None:
    """Entry point of the installed command."""
    words = sys.argv[1:]
    # What follows `--` is the script's; Typer would take its first word for CONFIG.
    cut = words.index("--") if "--" in words else len(words)
    ours, extra = words[:cut], words[cut + 1 :]
    if ours[:2] == ["completion", ASK]:
        answer(tuple(COMMANDS), build, ours[2:])
        return
    is_debug = "--debug" in ours or bool(os.environ.get("TSDIA_RUN_OPT_DEBUG"))
    try:
        command = next((word for word in ours if not word.startswith("-")), None)
        # All of them for the overview, and to name the one that was meant.
        app = build([command]) if command in COMMANDS else build()
        app(args=ours, prog_name="tsdia-run", obj=tuple(extra))
    except RefusedError as refused:
        _show_refusal(refused, is_debug)
        sys.exit(refused.error.exit_code)
    except KeyboardInterrupt:
        # As a process without a handler: a shell loop around us stops too.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except OSError as error:
        message = f"{error.strerror}: {error.filename}" if error.filename else str(error)
        _show(error, message, "", is_debug)
        sys.exit(os.EX_IOERR)
    except Exception as error:  # Nothing below may show a traceback to a user who did not ask for it.
        bug = f"this is a bug in tsdia-run: {type(error).__name__}: {error}"
        _show(error, bug, "See where with --debug, and please report it.", is_debug)
        sys.exit(TsdiaRunError.exit_code)


def _show_refusal(refused: RefusedError, is_debug: bool) -> None:
    # Imported here: only what fails needs them.
    from tsdia_run.cli import hints, typed, wording

    error = refused.error
    _show(error, wording.message(error), hints.hint(error, typed.read(refused.context)), is_debug)


def _show(error: BaseException, message: str, hint: str, is_debug: bool) -> None:
    if is_debug:
        traceback.print_exception(error)
    say(f"error: {message}")
    for line in hint.splitlines():
        say(f"  {line}", prefix="")
