"""`tsdia-run ensure`: whatever is missing of a run: all of it, the rest of it, or nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from tsdia_run.cli import options
from tsdia_run.settings import Layer

Config = Annotated[
    str | None,
    typer.Argument(metavar="CONFIG", help="The config of the run; may be left out for scripts that take none."),
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
    from tsdia_run.launch.resumption import find_source, refuse_silent_start
    from tsdia_run.rundir.layout import RunLayout
    from tsdia_run.rundir.record import State
    from tsdia_run.text import shown

    wanted = Wanted.read(context, flags)
    beginning = start_new.describe(wanted, config_file, run_dir, name)
    layout = RunLayout(beginning.directory)
    state = start_again.examine(wanted, beginning) if layout.record.is_file() else None
    if state is None:
        start_new.start(wanted, beginning, move_aside=False)
        return
    if state is State.COMPLETED:
        if not wanted.is_dry_run:
            start_again.record_ending(layout)
        wanted.screen.note(f"{shown(layout.root)} has completed; there is nothing to do")
        return
    has_saved = start_again.has_saved(layout, beginning.settings)
    if not has_saved:
        refuse_silent_start(layout, wanted.typed, beginning.settings.checkpoints.pattern or None)
    wish = start_again.Wish(from_scratch=not has_saved, replaces_args=True)
    start_again.start(wanted, find_source(str(layout.root)), wish, beginning.section)
