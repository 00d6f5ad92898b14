"""What the flags ask for that every start of a training has in common."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from tsdia_run.cli import asked, typed
from tsdia_run.cli.screen import Screen
from tsdia_run.rundir.suggestions import Typed
from tsdia_run.settings import Layer


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
    def read(cls, context: typer.Context, flags: Layer) -> Wanted:
        """From the parameters of a command that starts a training; they have the names of ``options``.

        Args:
            context: The command.
            flags: The settings among its options.

        Raises:
            UsageError: They don't go together.
        """
        given = context.params
        asked.refuse_lone_json(given["dry_run"], given["as_json"])
        return cls(
            flags=flags,
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
