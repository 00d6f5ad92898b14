"""`tsdia-run ensure`: whatever is missing of a run: all of it, the rest of it, or nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from tsdia_run.cli import options

Config = Annotated[
    str | None,
    typer.Argument(metavar="CONFIG", help="The config of the run; may be left out for scripts that take none."),
]


def ensure(
    context: typer.Context,
    config_file: Config = None,
    entrypoint: options.Entrypoint = None,
    module: options.Module = None,
    python: options.Python = None,
    assignments: options.Set = None,
    run_dir: options.RunDir = None,
    name: options.Name = None,
    launcher: options.LauncherName = None,
    accelerate_config: options.AccelerateConfig = None,
    num_processes: options.NumProcesses = None,
    mixed_precision: options.MixedPrecision = None,
    no_hooks: options.NoHooks = False,
    time_limit: options.TimeLimit = None,
    max_restarts: options.MaxRestarts = None,
    hang_timeout: options.HangTimeout = None,
    detach: options.Detach = False,
    no_pty: options.NoPty = False,
    log_timestamps: options.LogTimestamps = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Start the run if it is not there, go on with it if it is unfinished, do nothing if it has completed.

    Run it again and again, in a shell loop over configs, a requeued job or a restarted container: it finishes only what
    is missing.

    \b
    tsdia-run ensure config.yml
    for config in sweep/*.yml; do tsdia-run ensure $config; done
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    # Imported here, so that --help starts light.
    from tsdia_run.cli import start_again, start_new
    from tsdia_run.cli.wanted import Wanted
    from tsdia_run.launch.resumption import find_source
    from tsdia_run.rundir.contents import shown
    from tsdia_run.rundir.layout import RunLayout
    from tsdia_run.rundir.record import State

    wanted = Wanted.read(context)
    beginning = start_new.describe(wanted, config_file, run_dir, name)
    if not RunLayout(beginning.directory).record.is_file():
        start_new.start(wanted, beginning, move_aside=False)
        return
    state = start_again.examine(wanted, beginning)
    if state is State.COMPLETED:
        if not wanted.is_dry_run:
            start_again.record_ending(RunLayout(beginning.directory))
        wanted.screen.note(f"{shown(beginning.directory)} has completed; there is nothing to do")
        return
    source = find_source(str(beginning.directory))
    wish = start_again.Wish(from_scratch=not start_again.has_saved(source, beginning.settings))
    start_again.start(wanted, source, wish, beginning.section)
