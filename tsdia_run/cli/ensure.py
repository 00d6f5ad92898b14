"""`tsdia-run ensure`: start, resume or skip a run, as needed."""

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
def ensure(
    context: typer.Context,
    flags: Layer,
    config_file: Config = None,
    assignments: options.Set = None,
    run_dir: options.RunDir = None,
    name: options.Name = None,
    detach: options.Detach = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Start, resume or skip a run, as needed.

    It starts a run that does not exist, resumes one that is unfinished, and skips one that has completed. Use it in a
    shell loop over configs, in a requeued job or in a restarted container.

    \b
    tsdia-run ensure config.yml
    for config in sweep/*.yml; do tsdia-run ensure $config; done
    tsdia-run ensure --name exp python train.py --lr 1e-3
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    # Imported here, so that --help starts light.
    from tsdia_run.cli import starting
    from tsdia_run.cli.console import Console
    from tsdia_run.workflow import ensure as workflow
    from tsdia_run.workflow.request import NewRequest

    starting.refuse_lone_json(dry_run=dry_run, as_json=as_json)
    console = Console(quiet, verbose)
    start = starting.start_request(context, flags, assignments, detach=detach)
    request = NewRequest(start, config_file, run_dir, name)
    if dry_run:
        starting.show(workflow.preview(request), console, as_json=as_json)
    else:
        starting.finish(workflow.start(request, console), console)
