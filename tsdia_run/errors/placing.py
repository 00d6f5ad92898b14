"""Where a run can't be, and who is there."""

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
    """The run directory that was asked for needs the variable ``name``, which is not set."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{text}: the environment variable {name} is not set", hint="Set it, or write the path out.")
        self.name, self.text = name, text


class NamelessRun(UsageError):
    """There is neither a config nor a name for the run."""

    def __init__(self) -> None:
        super().__init__("nothing says where the run goes")


class BadRunName(UsageError):
    """A name that no run can have."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is no name for a run")
        self.name = name


class PlaceFault(Enum):
    """Why no run can be at a place."""

    NOT_CREATED = "the file system refuses it"
    SCRIPT_ONLY = "only the script can resolve it"
    UNSET_VARIABLE = "it needs a variable that is not set"
    UNREACHABLE = "the folder above it is none, or can't be written"
    DISK_FULL = "the disk is full"
    HOLDS_OTHERS = "it holds what does not belong to the run"
    URL = "it is a URL"
    LONG_NAME = "its name is too long"
    LONG_PATH = "its path is too long"


class UnusableRunDirectoryKey(ConfigError):
    """The run directory in the config can't be known.

    Attributes:
        fault: Why.
    """

    def __init__(self, message: str, *, place: SourcePosition, fault: PlaceFault) -> None:
        super().__init__(message, place=place)
        self.fault = fault


class RunDirectoryOccupied(CheckpointDirectoryExistsError):
    """The run directory holds something already.

    Attributes:
        message: What it holds, in words.
        run_dir: The run directory.
        state: The state of the run in it; None where it holds no run.
        newest_checkpoint: The name of its newest checkpoint, if it has any.
    """

    def __init__(self, message: str, run_dir: Path, state: str | None, newest_checkpoint: str | None) -> None:
        super().__init__(message)
        self.run_dir, self.state, self.newest_checkpoint = run_dir, state, newest_checkpoint


class RunDirectoryContested(CheckpointDirectoryExistsError):
    """Other starts take the run directory again and again."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(f"other starts keep taking {run_dir}")
        self.run_dir = run_dir


class UnusablePlace(RunDirectoryError):
    """No run can be at a place."""

    def __init__(self, message: str, fault: PlaceFault) -> None:
        super().__init__(message)
        self.fault = fault


class RunDirectoryBlocked(RunDirectoryError):
    """What is in the place of the run directory prevents a start; a run beside it would not be."""

    def __init__(self, message: str, run_dir: Path) -> None:
        super().__init__(message)
        self.run_dir = run_dir


class RunDirectoryIsLink(RunDirectoryError):
    """The run directory is a link.

    Attributes:
        run_dir: The link.
        target: What it holds.
    """

    def __init__(self, run_dir: Path, target: str) -> None:
        super().__init__(f"{run_dir} is a link to {target}; a run directory is never created through a link")
        self.run_dir, self.target = run_dir, target


class InsideOfRun(RunDirectoryError):
    """The run directory lies inside another run, ``outer``."""

    def __init__(self, run_dir: Path, outer: Path) -> None:
        super().__init__(f"{run_dir} lies inside the run {outer}")
        self.run_dir, self.outer = run_dir, outer


class OtherConfig(RunDirectoryError):
    """The run was started with another config.

    Attributes:
        message: What differs, in words.
        run_dir: The run directory.
        resumable_with: The config that it can be resumed with; None where it has no checkpoint.
        is_completed: Whether it has completed.
    """

    def __init__(self, message: str, run_dir: Path, resumable_with: str | None, is_completed: bool) -> None:
        super().__init__(message)
        self.run_dir, self.resumable_with, self.is_completed = run_dir, resumable_with, is_completed


class SupervisedRun(RunAliveError):
    """The supervisor of a run lives."""

    def __init__(self, run_dir: Path, holder: str) -> None:
        super().__init__(f"a live run holds {run_dir}: {holder}")
        self.run_dir, self.holder = run_dir, holder


class OrphanedTraining(RunAliveError):
    """The training of a run lives, though its supervisor is gone.

    Attributes:
        run_dir: The run directory.
        processes: Its processes, as pid and name; empty where they are not known.
        supervisor: Who held the run.
    """

    def __init__(self, run_dir: Path, processes: tuple[str, ...], supervisor: str) -> None:
        told = f" (pid {', '.join(processes)})" if processes else ""
        super().__init__(f"the training in {run_dir} still runs{told}, though its supervisor ({supervisor}) is gone")
        self.run_dir, self.processes, self.supervisor = run_dir, processes, supervisor


class Overtaken(RunAliveError):
    """Another process was faster."""

    def __init__(self, run_dir: Path, did: Literal["started", "resumed"] = "started") -> None:
        super().__init__(f"another process just {did} {run_dir}")
        self.run_dir, self.did = run_dir, did
