"""`tsdia-run new`: prepare and guard a run directory, launch, tee, record."""

from __future__ import annotations

from typing import Annotated

import typer

from tsdia_run.cli import options
from tsdia_run.settings import Layer

Config = Annotated[
    str | None,
    typer.Argument(metavar="CONFIG|SCRIPT", help="The config of the run, or a script without a config."),
]


@options.with_settings
def new(
    context: typer.Context,
    flags: Layer,
    config_file: Config = None,
    assignments: options.Set = None,
    run_dir: options.RunDir = None,
    name: options.Name = None,
    move_aside: options.MoveAside = False,
    detach: options.Detach = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Start a run in its own directory. Arguments after `--` go to the script.

    A command line that starts with python, accelerate, torchrun or deepspeed is taken as it is; options of tsdia-run
    come before it.

    \b
    tsdia-run new config.yml
    tsdia-run new config.yml --name exp-2 --set training.epochs=20 -- --fast
    tsdia-run new train.py -- --lr 1e-3
    tsdia-run new --name exp accelerate launch train.py --lr 1e-3
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    # Imported here, so that --help starts light.
    from tsdia_run.cli import starting
    from tsdia_run.cli.console import Console
    from tsdia_run.workflow import new as workflow
    from tsdia_run.workflow.request import NewRequest

    starting.refuse_lone_json(dry_run=dry_run, as_json=as_json)
    console = Console(quiet, verbose)
    start = starting.start_request(context, flags, assignments, detach=detach)
    request = NewRequest(start, config_file, run_dir, name, move_aside)
    if dry_run:
        starting.show(workflow.preview(request), console, as_json=as_json)
    else:
        starting.finish(workflow.start(request, console), console)
