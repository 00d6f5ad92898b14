"""The requests of `new`, `resume` and `ensure`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.files.ownership import Trust
from tsdia_run.launch.changes import ChangeKind
from tsdia_run.rundir import env
from tsdia_run.rundir.typed_command import TypedCommand
from tsdia_run.settings import Layer


@dataclass(frozen=True)
class StartRequest:
    """The part of a request that every start has.

    Attributes:
        settings: The settings given for this start; they override the settings of all files.
        overrides: ``KEY=VALUE`` assignments for the config, in order.
        extra_args: More arguments for the script.
        cwd: The working directory of the script, and the base of relative paths.
        environ: The user's environment.
        typed: The typed command, which the record keeps; None without a command.
        is_detached: Whether to run in the background, without a terminal.
    """

    settings: Layer
    overrides: tuple[str, ...]
    extra_args: tuple[str, ...]
    cwd: Path
    environ: Mapping[str, str]
    typed: TypedCommand | None = None
    is_detached: bool = False

    def trust(self) -> Trust:
        """Return whose files may set what runs."""
        return Trust.here(self.cwd, self.environ.get(env.TRUSTED_DIRS, "").split(":"))


@dataclass(frozen=True)
class NewRequest:
    """A run to start, by `new` or by `ensure`.

    Attributes:
        start: The part that every start has.
        config_file: The config; or a script without a config, by its path; None if the settings name the script.
            Then arguments that start with ``python``, ``accelerate launch``, ``torchrun`` or ``deepspeed`` are the
            command that starts it.
        run_dir: The run directory; None to take it from the config or the name.
        name: Replaces the last part of the run directory.
        move_aside: Whether existing contents of the run directory may be moved to .tsdia-trash.
        default_name: The name of the run without a config and without ``name``: that of the script, if it is typed.
    """

    start: StartRequest
    config_file: str | None = None
    run_dir: str | None = None
    name: str | None = None
    move_aside: bool = False
    default_name: str | None = None


@dataclass(frozen=True)
class ResumeRequest:
    """A new attempt of a run.

    Attributes:
        start: The part that every start has.
        target: The run, by path or name; or one of its checkpoints.
        checkpoint: ``latest``, ``best``, a checkpoint's name, or a step; None for the newest complete one.
        from_scratch: Whether to start from the beginning if no checkpoint is named.
        again: Whether to resume a run that completed.
        allow: The kinds of changes that the user allows.
        config_file: A config that replaces the last attempt's; None to keep it.
    """

    start: StartRequest
    target: str
    checkpoint: str | None = None
    from_scratch: bool = False
    again: bool = False
    allow: frozenset[ChangeKind] = frozenset()
    config_file: str | None = None
