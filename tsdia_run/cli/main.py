"""The command `tsdia-run`: its commands, and the one place where errors become text and exit codes."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import Annotated

import typer

from tsdia_run import __version__
from tsdia_run.cli.compare import compare
from tsdia_run.cli.completion import ASK, answer, completion
from tsdia_run.cli.ensure import ensure
from tsdia_run.cli.info import info
from tsdia_run.cli.light import LightCommand, LightGroup
from tsdia_run.cli.listing import list_runs
from tsdia_run.cli.logs import logs
from tsdia_run.cli.new import new
from tsdia_run.cli.resume import resume
from tsdia_run.cli.say import say
from tsdia_run.cli.stop import stop
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
app.command(cls=LightCommand, short_help="Start a run in a directory of its own.")(new)
app.command(cls=LightCommand, short_help="Go on with a run, from a checkpoint.")(resume)
app.command(cls=LightCommand, short_help="Start, go on, or do nothing: whatever is missing.")(ensure)
app.command(cls=LightCommand, short_help="Ask a live run to end, from anywhere.")(stop)
app.command(cls=LightCommand, short_help="Tell all about one run.")(info)
app.command("list", cls=LightCommand, short_help="List the runs.")(list_runs)
app.command(cls=LightCommand, short_help="Show what differs between runs.")(compare)
app.command(cls=LightCommand, short_help="Show what a run has said, or follow it.")(logs)
app.command(cls=LightCommand, short_help="Print what makes a shell complete words.")(completion)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        sys.stdout.write(f"tsdia-run {__version__}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
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
        answer(app, ours[2:])
        return
    is_debug = "--debug" in ours or bool(os.environ.get("TSDIA_RUN_OPT_DEBUG"))
    try:
        app(args=ours, prog_name="tsdia-run", obj=tuple(extra))
    except TsdiaRunError as error:
        _show(error, is_debug)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        # As a process without a handler: a shell loop around us stops too.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except OSError as error:
        _show(TsdiaRunError(f"{error.strerror}: {error.filename}" if error.filename else str(error)), is_debug)
        sys.exit(os.EX_IOERR)
    except Exception as error:  # Nothing below may show a traceback to a user who did not ask for it.
        bug = TsdiaRunError(
            f"this is a bug in tsdia-run: {type(error).__name__}: {error}",
            hint="See where with --debug, and please report it.",
        )
        _show(bug, is_debug)
        sys.exit(bug.exit_code)


def _show(error: TsdiaRunError, is_debug: bool) -> None:
    if is_debug:
        traceback.print_exc()
    say(f"error: {error.message}")
    for line in error.hint.splitlines():
        say(f"  {line}", prefix="")
