"""What an attempt is asked to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.config import Document
from tsdia_run.rundir.typed_command import TypedCommand
from tsdia_run.settings import Settings


@dataclass(frozen=True)
class Request:
    """What an attempt is asked to be.

    Attributes:
        document: The config to start from; None for a script that takes none.
        settings: How to launch.
        run_dir: Absolute path of the run directory.
        number: The attempt's number.
        cwd: The working directory of the script.
        environ: The user's environment.
        overrides: ``--set`` assignments, in order.
        extra_args: What follows ``--``.
        checkpoint: What to resume from.
        typed: The command that asks for it, which the record keeps; None where no command was typed.
        is_restart: Whether it follows a failure automatically, and the user asked for nothing new.
    """

    document: Document | None
    settings: Settings
    run_dir: Path
    number: int
    cwd: Path
    environ: Mapping[str, str]
    overrides: tuple[str, ...] = ()
    extra_args: tuple[str, ...] = ()
    checkpoint: Path | None = None
    typed: TypedCommand | None = None
    is_restart: bool = False
