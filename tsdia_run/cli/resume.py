"""`tsdia-run resume`: a new attempt of a run, from one of its checkpoints."""

from __future__ import annotations

from typing import Annotated

import typer

from tsdia_run.cli import options
from tsdia_run.rundir.env import OPTION_PREFIX
from tsdia_run.settings import Layer

Target = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run, by path, full name or id (its newest complete checkpoint); a checkpoint; or a directory of"
        " checkpoints that was not created by tsdia-run.",
    ),
]


From = Annotated[
    str | None,
    typer.Option(
        "--from",
        envvar=f"{OPTION_PREFIX}FROM",
        metavar="latest|best|NAME|STEP",
        help="Resume from this checkpoint. Default: the newest complete one. Example: --from best",
    ),
]
FromScratch = Annotated[
    bool,
    typer.Option(
        "--from-scratch",
        envvar=f"{OPTION_PREFIX}FROM_SCRATCH",
        help="Start from the beginning, in the same run directory. Example: resume runs/exp --from-scratch",
    ),
]
Again = Annotated[
    bool,
    typer.Option(
        "--again",
        envvar=f"{OPTION_PREFIX}AGAIN",
        help="Resume even if completed. Example: resume runs/exp --again --set training.epochs=20",
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        envvar=f"{OPTION_PREFIX}ALLOW",
        metavar="CHANGE",
        help="Allow a change: model, world-size, or weights (resume weights only). Example: --allow model",
    ),
]
NewConfig = Annotated[
    str | None,
    typer.Option(
        "--config",
        envvar=f"{OPTION_PREFIX}CONFIG",
        metavar="FILE",
        help="Use this config instead of the last attempt's. Example: --config lower_lr.yml",
    ),
]


@options.with_settings
def resume(
    context: typer.Context,
    flags: Layer,
    target: Target,
    from_checkpoint: From = None,
    from_scratch: FromScratch = False,
    again: Again = False,
    allow: Allow = None,
    config_file: NewConfig = None,
    assignments: options.Set = None,
    detach: options.Detach = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Resume a run from a checkpoint. Arguments after `--` are added to the script's.

    The working directory, interpreter, arguments and launcher are those of the last attempt, unless an option or a
    settings file changes them.

    \b
    tsdia-run resume runs/exp
    tsdia-run resume runs/exp --from best
    tsdia-run resume runs/exp/checkpoint-epoch3-step900 --set training.lr=1e-5
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    # Imported here, so that --help starts light.
    from tsdia_run.cli import starting
    from tsdia_run.cli.console import Console
    from tsdia_run.workflow import resume as workflow
    from tsdia_run.workflow.request import ResumeRequest

    starting.refuse_lone_json(dry_run=dry_run, as_json=as_json)
    console = Console(quiet, verbose)
    request = ResumeRequest(
        starting.start_request(context, flags, assignments, detach=detach),
        target,
        checkpoint=from_checkpoint,
        from_scratch=from_scratch,
        again=again,
        allow=workflow.allowed(allow or ()),
        config_file=config_file,
    )
    if dry_run:
        starting.show(workflow.preview(request), console, as_json=as_json)
    else:
        starting.finish(workflow.start(request, console), console)
