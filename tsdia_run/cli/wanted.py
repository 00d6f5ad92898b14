"""What the flags ask for that every start of a training has in common."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.cli import asked
from tsdia_run.cli.screen import Screen
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
        is_dry_run: Show what would be started, and write nothing.
        as_json: That as JSON.
        screen: How much is said.
    """

    flags: Layer
    overrides: tuple[str, ...]
    extra_args: tuple[str, ...]
    cwd: Path
    environ: Mapping[str, str]
    is_dry_run: bool
    as_json: bool
    screen: Screen

    @classmethod
    def read(
        cls,
        *,
        assignments: Sequence[str] | None,
        extra_args: Sequence[str] | None,
        dry_run: bool,
        as_json: bool,
        quiet: bool,
        verbose: bool,
        no_hooks: bool,
        no_pty: bool,
        log_timestamps: bool,
        **flags: object,
    ) -> Wanted:
        """From the parameters of a command.

        Raises:
            UsageError: They don't go together.
        """
        asked.refuse_lone_json(dry_run, as_json)
        return cls(
            flags=asked.command_line(
                hooks_enabled=False if no_hooks else None,
                pty=False if no_pty else None,
                logs_timestamps=log_timestamps or None,
                **flags,
            ),
            overrides=asked.texts(assignments),
            extra_args=tuple(extra_args or ()),
            cwd=Path.cwd(),
            environ=dict(os.environ),
            is_dry_run=dry_run,
            as_json=as_json,
            screen=Screen(quiet, verbose),
        )
