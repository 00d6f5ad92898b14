"""What the flags ask for that every start of a training has in common."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from tsdia_run.cli import asked, typed
from tsdia_run.cli.screen import Screen
from tsdia_run.errors import UsageError
from tsdia_run.rundir.suggestions import Typed
from tsdia_run.settings import Layer, flags_layer


@dataclass(frozen=True)
class Wanted:
    """What is asked for on the command line.

    Attributes:
        flags: The settings among the flags.
        overrides: ``--set`` assignments, in order.
        extra_args: What follows ``--``.
        cwd: Where the command was typed.
        environ: The user's environment.
        is_detached: Whether the run is to go on without a terminal.
        is_dry_run: Show what would be started, and write nothing.
        as_json: That as JSON.
        screen: How much is said.
        typed: The command itself.
    """

    flags: Layer
    overrides: tuple[str, ...]
    extra_args: tuple[str, ...]
    cwd: Path
    environ: Mapping[str, str]
    is_detached: bool
    is_dry_run: bool
    as_json: bool
    screen: Screen
    typed: Typed

    @classmethod
    def read(cls, context: typer.Context) -> Wanted:
        """From the parameters of a command that starts a training; they have the names of ``options``.

        Raises:
            UsageError: They don't go together.
        """
        given = context.params
        asked.refuse_lone_json(given["dry_run"], given["as_json"])
        return cls(
            flags=flags_layer(
                {
                    "entrypoint": given["entrypoint"],
                    "module": given["module"],
                    "python": given["python"],
                    "launcher": given["launcher"],
                    "resume_args": _words(given["resume_args"]),
                    "accelerate.config_file": given["accelerate_config"],
                    "accelerate.num_processes": given["num_processes"],
                    "accelerate.mixed_precision": given["mixed_precision"],
                    "hooks.enabled": False if given["no_hooks"] else None,
                    "time_limit": given["time_limit"],
                    "restarts.max": given["max_restarts"],
                    "hang.timeout": given["hang_timeout"],
                    "pty": False if given["no_pty"] else None,
                    "logs.timestamps": given["log_timestamps"] or None,
                }
            ),
            overrides=tuple(given["assignments"] or ()),
            extra_args=tuple(context.obj or ()),
            cwd=Path.cwd(),
            environ=dict(os.environ),
            is_detached=given["detach"],
            is_dry_run=given["dry_run"],
            as_json=given["as_json"],
            screen=Screen(given["quiet"], given["verbose"]),
            typed=typed.read(context),
        )


def _words(text: str | None) -> list[str] | None:
    """The words of ``--resume-args``.

    Raises:
        UsageError: A quote is not closed.
    """
    try:
        return None if text is None else shlex.split(text)
    except ValueError as error:
        raise UsageError(
            f"--resume-args {text!r}: {error}", hint="For example: --resume-args '--load {checkpoint}'"
        ) from error
