"""`tsdia-run info`: what happened, what exists, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tsdia_run.cli import options, reading
from tsdia_run.rundir.env import OPTION_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tsdia_run.report.formatting import PageSection
    from tsdia_run.report.run_info import OnVerify

_WATCH_S = 2.0

Watch = Annotated[
    bool,
    typer.Option(
        "--watch",
        envvar=f"{OPTION_PREFIX}WATCH",
        help="Refresh every two seconds until the run ends. Example: info exp --watch",
    ),
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        envvar=f"{OPTION_PREFIX}VERIFY",
        help="Verify all checkpoint hashes; exit with 65 if a checkpoint fails. Example: info exp --verify",
    ),
]


def info(
    run: reading.RunName = "latest",
    watch: Watch = False,
    verify: Verify = False,
    as_json: reading.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """Show everything about a run: state, progress, attempts, code, metrics, checkpoints, disk and the next command.

    \b
    tsdia-run info
    tsdia-run info exp --watch
    tsdia-run info runs/exp --verify
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    import json
    import os
    import sys
    from datetime import datetime, timezone

    from tsdia_run.errors import UsageError
    from tsdia_run.report.info_json import to_json
    from tsdia_run.report.info_page import MOST_CHECKPOINTS, page
    from tsdia_run.report.names import find_run
    from tsdia_run.report.places import places
    from tsdia_run.report.run_info import gather
    from tsdia_run.report.status import look

    reading.prepare_output()
    run_dir = find_run(run, places())
    if watch and (verify or as_json):
        raise UsageError(
            f"--watch cannot be combined with {'--verify' if verify else '--json'}", hint="Use one of them."
        )
    if watch:
        _watch(run_dir)
        return
    with _progress(is_on=verify) as on_verify:
        found = gather(look(run_dir), verify=on_verify, newest=None if verify or as_json else MOST_CHECKPOINTS)
    if as_json:
        sys.stdout.write(json.dumps(to_json(found), indent=2) + "\n")
    else:
        reading.show(page(found, datetime.now(timezone.utc)))
    if verify and any(one.is_unusable for one in found.checkpoints):
        sys.stdout.flush()
        sys.exit(os.EX_DATAERR)


def _watch(run_dir: Path) -> None:
    import signal
    import time
    from datetime import datetime, timezone

    from rich.console import Console
    from rich.live import Live

    from tsdia_run.cli.console import die_of
    from tsdia_run.report.info_page import MOST_CHECKPOINTS, page
    from tsdia_run.report.run_info import gather
    from tsdia_run.report.status import look

    console = Console()

    def frames() -> Iterator[tuple[list[PageSection], bool]]:
        while True:
            found = gather(look(run_dir), newest=MOST_CHECKPOINTS)
            yield page(found, datetime.now(timezone.utc)), not found.status.is_living
            time.sleep(_WATCH_S)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # so that the terminal gets its cursor back
    try:
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            for sections, is_over in frames():
                live.update(reading.as_rich(sections), refresh=True)
                if is_over:
                    break
    except KeyboardInterrupt:
        die_of(signal.SIGINT)


def _progress(*, is_on: bool) -> AbstractContextManager[OnVerify | None]:
    """Show a progress bar on standard error if it is a terminal."""
    from contextlib import contextmanager, nullcontext

    if not is_on:
        return nullcontext()

    @contextmanager
    def bar() -> Iterator[OnVerify]:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True))
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            tasks: dict[Path, object] = {}

            def show(path: Path, done: int, total: int) -> None:
                if path not in tasks:
                    tasks[path] = progress.add_task(path.name, total=total)
                progress.update(tasks[path], completed=done)  # type: ignore[arg-type]

            yield show

    return bar()
