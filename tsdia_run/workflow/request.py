"""What is asked of a start, a resume or an `ensure`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.launch.changes import ChangeKind
from tsdia_run.rundir.typed_command import TypedCommand
from tsdia_run.settings import Layer


@dataclass(frozen=True)
class StartRequest:
    """What every start of a training has in common.

    Attributes:
        settings: The settings that were given for this start; they win over those of every file.
        overrides: ``KEY=VALUE`` assignments for the config, in order.
        extra_args: Further arguments of the script.
        cwd: The working directory of the script, and the folder that relative paths are relative to.
        environ: The user's environment.
        typed: The command that asks for it, which the record keeps; None where no command was typed.
        is_detached: Whether the run continues in a process of its own, without a terminal.
    """

    settings: Layer
    overrides: tuple[str, ...]
    extra_args: tuple[str, ...]
    cwd: Path
    environ: Mapping[str, str]
    typed: TypedCommand | None = None
    is_detached: bool = False


@dataclass(frozen=True)
class NewRequest:
    """A run that is to be started, by `new` or by `ensure`.

    Attributes:
        start: What it has in common with every start.
        config_file: The config; None for a script that takes none.
        run_dir: The run directory; None where the config names it.
        name: Replaces the last part of the run directory.
        move_aside: Whether what is in the run directory may be moved to the trash beside it.
    """

    start: StartRequest
    config_file: str | None = None
    run_dir: str | None = None
    name: str | None = None
    move_aside: bool = False


@dataclass(frozen=True)
class ResumeRequest:
    """A new attempt of a run.

    Attributes:
        start: What it has in common with every start.
        target: The run, by path or name; or one of its checkpoints.
        checkpoint: ``latest``, ``best``, a checkpoint's name, or a step; None for the newest complete one.
        from_scratch: Whether to start from the beginning where no checkpoint is named.
        again: Whether to resume a run that completed.
        allow: Changes that are meant.
        config_file: Another config than the last attempt's.
    """

    start: StartRequest
    target: str
    checkpoint: str | None = None
    from_scratch: bool = False
    again: bool = False
    allow: frozenset[ChangeKind] = frozenset()
    config_file: str | None = None
