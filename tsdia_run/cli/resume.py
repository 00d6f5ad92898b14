"""`tsdia-run resume`: a new attempt of a run, from one of its checkpoints."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from tsdia_run.cli import options

Target = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run directory, for its checkpoint with the highest step; or one of its checkpoints."
    ),
]


def resume(
    context: typer.Context,
    target: Target,
    entrypoint: options.Entrypoint = None,
    module: options.Module = None,
    python: options.Python = None,
    assignments: options.Set = None,
    launcher: options.LauncherName = None,
    accelerate_config: options.AccelerateConfig = None,
    num_processes: options.NumProcesses = None,
    mixed_precision: options.MixedPrecision = None,
    no_hooks: options.NoHooks = False,
    no_pty: options.NoPty = False,
    log_timestamps: options.LogTimestamps = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Go on with a run, in its directory, from a checkpoint. What follows `--` is added to the script's arguments.

    Everything is as in the last attempt (working directory, interpreter, arguments, launcher) unless a flag says
    otherwise.

    \b
    tsdia-run resume runs/exp
    tsdia-run resume runs/exp/checkpoint-epoch3-step900 --set training.epochs=20
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    # Imported here, so that --help starts light.
    from tsdia_run import config
    from tsdia_run.cli import asked
    from tsdia_run.cli.attempt import carry_out, finish
    from tsdia_run.cli.dry_run import show_plan
    from tsdia_run.cli.screen import Screen
    from tsdia_run.errors import RunAliveError
    from tsdia_run.launch import plan, prepare
    from tsdia_run.launch.resumption import find_source
    from tsdia_run.rundir import guard, record
    from tsdia_run.settings import resolve
    from tsdia_run.supervise.evidence import settle

    asked.refuse_lone_json(dry_run, as_json)
    source = find_source(target)
    layout, last = source.layout, source.run.last
    guard.refuse_living(layout.root)
    recorded = prepare.read_attempt(layout.attempt(last.number))
    settings = resolve(
        [
            asked.command_line(
                entrypoint=entrypoint,
                module=module,
                python=python,
                launcher=launcher,
                accelerate_config_file=accelerate_config,
                accelerate_num_processes=num_processes,
                accelerate_mixed_precision=mixed_precision,
                hooks_enabled=False if no_hooks else None,
                pty=False if no_pty else None,
                logs_timestamps=log_timestamps or None,
            ),
            recorded.settings,
        ]
    )
    script_config = layout.attempt(last.number).config
    planned = plan.make(
        plan.Request(
            document=config.read(script_config) if script_config.exists() else None,
            settings=settings,
            run_dir=layout.root,
            number=last.number + 1,
            cwd=recorded.working_directory(),
            environ=dict(os.environ),
            overrides=asked.texts(assignments),
            extra_args=(*recorded.arguments(), *(context.obj or ())),
            checkpoint=source.checkpoint,
        )
    )
    if dry_run:
        show_plan(planned, None, as_json=as_json)
        return
    screen = Screen(quiet, verbose)
    screen.warn(*planned.warnings, *recorded.warnings(os.environ))
    last_seen = layout.last_seen()
    with guard.claim_existing(layout.root) as claim:
        run = settle(record.read(layout.record), layout, last_seen)
        if run.last.number != last.number:
            raise RunAliveError(f"another resume of {layout.root} was faster", hint="Look at it before you go on.")
        ended = carry_out(planned, claim, run, screen)
    finish(ended)
