"""The request of an attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tsdia_run.config import Document
from tsdia_run.rundir.typed_command import TypedCommand
from tsdia_run.settings import Origin, Settings


@dataclass(frozen=True)
class Request:
    """The request of an attempt.

    Attributes:
        document: The config; None for a script without a config.
        settings: All settings.
        run_dir: Absolute path of the run directory.
        number: The attempt's number.
        cwd: The working directory of the script.
        environ: The user's environment.
        overrides: ``--set`` assignments, in order.
        extra_args: The arguments after ``--``.
        checkpoint: The checkpoint to resume from.
        typed: The typed command, which the record keeps; None without a command.
        origins: Where the settings come from, by key.
        config_source: The absolute path of the config that the user named; None without a config.
        detected: What was found in the script, as notes for the user and the record.
        is_restart: Whether it is an automatic restart after a failure, without new input from the user.
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
    origins: Mapping[str, Origin] = field(default_factory=dict)
    config_source: str | None = None
    detected: tuple[str, ...] = ()
    is_restart: bool = False
