"""Shared by the commands that start a training: options to a request, and a result to an exit."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer

from tsdia_run.cli import command_line
from tsdia_run.cli.console import Console, die_of, say
from tsdia_run.cli.dry_run import show_preview
from tsdia_run.errors import UsageError
from tsdia_run.report.suggestions import Suggestions
from tsdia_run.settings import Layer
from tsdia_run.text import shown
from tsdia_run.workflow.preview import Preview
from tsdia_run.workflow.request import StartRequest
from tsdia_run.workflow.results import AlreadyCompleted, Detached, Ended, Result


def start_request(
    context: typer.Context, flags: Layer, assignments: Sequence[str] | None, *, detach: bool
) -> StartRequest:
    """Return the request of a start, from the options that all starting commands share.

    Args:
        context: The command; its ``obj`` has the arguments after ``--``.
        flags: The settings given as options.
        assignments: ``--set``.
        detach: ``--detach``.
    """
    return StartRequest(
        settings=flags,
        overrides=tuple(assignments or ()),
        extra_args=tuple(context.obj or ()),
        cwd=Path.cwd(),
        environ=dict(os.environ),
        is_detached=detach,
        typed=command_line.read(context),
    )


def refuse_lone_json(*, dry_run: bool, as_json: bool) -> None:
    """Raise UsageError for ``--json`` without ``--dry-run``."""
    if as_json and not dry_run:
        raise UsageError(
            "--json requires --dry-run: without it, standard output belongs to the script",
            hint="The record of a run is RUN_DIR/run.json.",
        )


def show(preview: Preview | AlreadyCompleted, console: Console, *, as_json: bool) -> None:
    """Print what a start would do."""
    if isinstance(preview, AlreadyCompleted):
        _say_completed(preview, console)
    else:
        show_preview(preview, as_json=as_json)


def finish(result: Result, console: Console) -> NoReturn:
    """Exit with the result of a start: its exit code, or the signal that stopped it."""
    if isinstance(result, AlreadyCompleted):
        _say_completed(result, console)
        sys.exit(0)
    if isinstance(result, Detached):
        suggest = Suggestions(result.run_dir)
        say(f"running in the background as process {result.pid}")
        say(f"follow: {suggest.follow()}")
        say(f"stop:   {suggest.stop()}")
        sys.exit(0)
    # After an ending, all signals are still blocked: none changes the exit code.
    if isinstance(result, Ended) and result.stopped_by is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        die_of(result.stopped_by)
    sys.exit(result.exit_code)


def _say_completed(result: AlreadyCompleted, console: Console) -> None:
    console.note(f"{shown(result.run_dir)} has completed; nothing to do")
