"""Errors about run directories: invalid, occupied, or owned by another run."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Literal

from tsdia_run.errors.base import (
    CheckpointDirectoryExistsError,
    ConfigError,
    RunAliveError,
    RunDirectoryError,
    SourcePosition,
    UsageError,
)


class UnsetVariable(UsageError):
    """The requested run directory contains the variable ``name``, which is not set."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(
            f"{text}: the environment variable {name} is not set", hint="Set the variable, or write the full path."
        )
        self.name, self.text = name, text


class NamelessRun(UsageError):
    """The command has neither a config nor a name for the run."""

    def __init__(self) -> None:
        super().__init__("no config given, and no name for the run")


class BadRunName(UsageError):
    """A run name that is not valid.

    Attributes:
        name: The name.
        instead: A similar name that is valid.
    """

    def __init__(self, name: str, fault: str, instead: str) -> None:
        super().__init__(f"{name!r} is not a valid run name: {fault}")
        self.name, self.instead = name, instead


class PlaceFault(Enum):
    """The reason why a run can't use a path."""

    NOT_CREATED = "the file system refuses it"
    SCRIPT_ONLY = "only the script can resolve it"
    UNSET_VARIABLE = "it needs a variable that is not set"
    UNREACHABLE = "its parent is not a folder, or is not writable"
    DISK_FULL = "the disk is full"
    HOLDS_OTHERS = "it contains files that do not belong to the run"
    URL = "it is a URL"
    LONG_NAME = "its name is too long"
    LONG_PATH = "its path is too long"


class UnusableRunDirectoryKey(ConfigError):
    """The run directory in the config can't be resolved.

    Attributes:
        fault: The reason.
    """

    def __init__(self, message: str, *, place: SourcePosition, fault: PlaceFault) -> None:
        super().__init__(message, place=place)
        self.fault = fault


class RunDirectoryOccupied(CheckpointDirectoryExistsError):
    """The run directory is not empty.

    Attributes:
        message: Its contents, as text for users.
        run_dir: The run directory.
        state: The state of the run in it; None if it is not a run.
        newest_checkpoint: The name of its newest checkpoint; None if it has none.
    """

    def __init__(self, message: str, run_dir: Path, state: str | None, newest_checkpoint: str | None) -> None:
        super().__init__(message)
        self.run_dir, self.state, self.newest_checkpoint = run_dir, state, newest_checkpoint


class RunDirectoryContested(CheckpointDirectoryExistsError):
    """Other processes keep claiming the run directory."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(f"other processes keep claiming {run_dir}")
        self.run_dir = run_dir


class UnusablePlace(RunDirectoryError):
    """A run can't use a path."""

    def __init__(self, message: str, fault: PlaceFault) -> None:
        super().__init__(message)
        self.fault = fault


class RunDirectoryBlocked(RunDirectoryError):
    """Existing contents at the path prevent a start; a run with another name would work."""

    def __init__(self, message: str, run_dir: Path) -> None:
        super().__init__(message)
        self.run_dir = run_dir


class RunDirectoryIsLink(RunDirectoryError):
    """The run directory is a symlink.

    Attributes:
        run_dir: The symlink.
        target: Its target, as stored in the link.
    """

    def __init__(self, run_dir: Path, target: str) -> None:
        super().__init__(f"{run_dir} is a symlink to {target}: a run directory is never created through a symlink")
        self.run_dir, self.target = run_dir, target


class InsideOfRun(RunDirectoryError):
    """The run directory is inside another run, ``outer``."""

    def __init__(self, run_dir: Path, outer: Path) -> None:
        super().__init__(f"{run_dir} is inside the run {outer}")
        self.run_dir, self.outer = run_dir, outer


class UntrustedRun(RunDirectoryError):
    """A resume would run what a file in the run directory names, and another user could have written the file.

    Attributes:
        run_dir: The run directory.
    """

    def __init__(self, run_dir: Path, path: Path, doubt: str) -> None:
        super().__init__(f"a resume would run what {path} records, but the file is not trusted: {doubt}")
        self.run_dir = run_dir


class ProjectFileExists(RunDirectoryError):
    """The directory has a project file already.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists; it was not changed")
        self.path = path


class OtherConfig(RunDirectoryError):
    """The run was started with a different config.

    Attributes:
        message: The differences, as text for users.
        run_dir: The run directory.
        resumable_with: The config to resume the run with; None if the run has no checkpoint.
        is_completed: Whether the run has completed.
    """

    def __init__(self, message: str, run_dir: Path, resumable_with: str | None, is_completed: bool) -> None:
        super().__init__(message)
        self.run_dir, self.resumable_with, self.is_completed = run_dir, resumable_with, is_completed


class SupervisedRun(RunAliveError):
    """The supervisor of a run is running."""

    def __init__(self, run_dir: Path, owner: str) -> None:
        super().__init__(f"the run in {run_dir} is still running: {owner}")
        self.run_dir, self.owner = run_dir, owner


class OrphanedTraining(RunAliveError):
    """The training of a run is still running, but its supervisor has exited.

    Attributes:
        run_dir: The run directory.
        processes: The pids and names of its processes; empty if unknown.
        supervisor: The former owner of the run.
    """

    def __init__(self, run_dir: Path, processes: tuple[str, ...], supervisor: str) -> None:
        pids = f" (pid {', '.join(processes)})" if processes else ""
        super().__init__(
            f"the training in {run_dir} is still running{pids}, but its supervisor ({supervisor}) has exited"
        )
        self.run_dir, self.processes, self.supervisor = run_dir, processes, supervisor


class Overtaken(RunAliveError):
    """Another process just started or resumed the run."""

    def __init__(self, run_dir: Path, did: Literal["started", "resumed"] = "started") -> None:
        super().__init__(f"another process just {did} {run_dir}")
        self.run_dir, self.did = run_dir, did
