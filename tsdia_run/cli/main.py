"""The command `tsdia-run`: its commands, and the one place where errors become text and exit codes."""

from __future__ import annotations

import os
import signal
import sys
import traceback

import typer

from tsdia_run.cli.ensure import ensure
from tsdia_run.cli.new import new
from tsdia_run.cli.resume import resume
from tsdia_run.cli.say import say
from tsdia_run.cli.stop import stop
from tsdia_run.errors import TsdiaRunError

app = typer.Typer(
    name="tsdia-run",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would double the time that --help takes
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Run a training script and keep everything about it: config, code, environment, logs, how it ended.

    \b
    tsdia-run new config.yml     start a run, in a directory that nothing can overwrite
    tsdia-run resume runs/exp    go on from its newest checkpoint
    tsdia-run ensure config.yml  start it, go on with it, or do nothing: whatever is missing
    tsdia-run stop runs/exp      ask it to end, from another terminal
    """,
)
app.command()(new)
app.command()(resume)
app.command()(ensure)
app.command()(stop)


@app.callback()
def _global() -> None:
    """Nothing is common to all commands; this keeps them sub-commands."""


def main() -> None:
    """Entry point of the installed command."""
    words = sys.argv[1:]
    # What follows `--` is the script's; Typer would take its first word for CONFIG.
    cut = words.index("--") if "--" in words else len(words)
    ours, extra = words[:cut], words[cut + 1 :]
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
