"""`tsdia-run stop`: stop a running run, from another terminal or another machine."""

from __future__ import annotations

from typing import Annotated

import typer

from tsdia_run.cli import options
from tsdia_run.rundir.env import OPTION_PREFIX

Target = Annotated[
    str, typer.Argument(metavar="RUN", help="A run, by path, full name or id; or latest, of this project.")
]
Now = Annotated[
    bool,
    typer.Option(
        "--now",
        envvar=f"{OPTION_PREFIX}NOW",
        help="Kill the run; it gets no time to save. Example: stop runs/exp --now",
    ),
]


def stop(target: Target, now: Now = False, quiet: options.Quiet = False, debug: options.Debug = False) -> None:
    """Stop a running run, as Ctrl-C in its terminal does, and wait until it has stopped.

    The request is a file in the run directory, so it also works from another machine and from outside a container.

    \b
    tsdia-run stop runs/exp
    tsdia-run stop runs/exp --now
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    # Imported here, so that --help starts light.
    from tsdia_run.cli.console import Console
    from tsdia_run.workflow import stop as workflow

    workflow.stop(target, Console(quiet), is_now=now)
