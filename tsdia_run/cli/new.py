"""`tsdia-run new`: prepare and guard a run directory, launch, tee, record."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tsdia_run.cli import options

Config = Annotated[
    str | None,
    typer.Argument(metavar="CONFIG", help="The config of the run; may be left out for scripts that take none."),
]


def new(
    context: typer.Context,
    config_file: Config = None,
    entrypoint: options.Entrypoint = None,
    module: options.Module = None,
    python: options.Python = None,
    assignments: options.Set = None,
    run_dir: options.RunDir = None,
    name: options.Name = None,
    move_aside: options.MoveAside = False,
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
    """Start a run in a directory of its own. What follows `--` goes to the script.

    \b
    tsdia-run new config.yml
    tsdia-run new config.yml --name exp-2 --set training.epochs=20 -- --fast
    tsdia-run new --entrypoint train.py --name exp -- --lr 1e-3
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    # Imported here, so that --help starts light.
    import secrets
    from datetime import datetime, timezone

    from tsdia_run import config
    from tsdia_run.cli import asked
    from tsdia_run.cli.attempt import carry_out, finish
    from tsdia_run.cli.dry_run import show_plan
    from tsdia_run.cli.screen import Screen
    from tsdia_run.launch import place, plan
    from tsdia_run.launch.checks import check
    from tsdia_run.rundir import catalog, entry
    from tsdia_run.rundir.contents import shown
    from tsdia_run.rundir.record import Run
    from tsdia_run.settings import resolve

    asked.refuse_lone_json(dry_run, as_json)
    cwd, environ = Path.cwd(), dict(os.environ)
    document = None if config_file is None else config.read(Path(config_file))
    asked.refuse_lone_set(document, assignments)
    settings = resolve(
        asked.layers(
            document,
            cwd,
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
        )
    )
    key = place.key_in(document, settings.run_dir_key, place.RUN_DIR_KEYS) if document else None
    directory = place.run_directory(place.Wish(run_dir, name, cwd, environ), document, key)
    planned = plan.make(
        plan.Request(
            document=document,
            settings=settings,
            run_dir=directory,
            number=0,
            cwd=cwd,
            environ=environ,
            overrides=asked.texts(assignments),
            extra_args=context.obj or (),
        )
    )
    check(planned)
    way_in = entry.Entry(directory, move_aside, asked.again)
    if dry_run:
        show_plan(planned, entry.examine(way_in), as_json=as_json)
        return
    screen = Screen(quiet, verbose)
    screen.warn(*planned.warnings)
    claim, moved = entry.enter(way_in)
    if moved:
        screen.note(f"moved what was in {shown(directory)} to {shown(moved)}")
    run = Run(
        run_id=secrets.token_hex(6),
        name=directory.name,
        created_at=datetime.now(timezone.utc),
        source_config=os.path.abspath(config_file) if config_file else None,
        started_from=planned.started_from,
    )
    catalog.note(directory, environ)
    with claim:
        ended = carry_out(planned, claim, run, screen)
    finish(ended)
