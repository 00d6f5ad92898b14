"""The results of a request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from signal import Signals

from tsdia_run.rundir.record import Run


@dataclass(frozen=True)
class Ended:
    """The training ran and has ended.

    Attributes:
        run_dir: The run directory.
        run: Its record.
        exit_code: The exit code for the command.
        stopped_by: The signal of a stop request, which should end the command too; None without a stop request.
    """

    run_dir: Path
    run: Run
    exit_code: int
    stopped_by: Signals | None = None


@dataclass(frozen=True)
class Detached:
    """The training runs in the background.

    Attributes:
        run_dir: The run directory.
        pid: The process id of its supervisor.
    """

    run_dir: Path
    pid: int


@dataclass(frozen=True)
class NotDetached:
    """The background process exited before the training started; it has told the user why.

    Attributes:
        exit_code: Its exit code; 128+n for signal n.
    """

    exit_code: int


@dataclass(frozen=True)
class AlreadyCompleted:
    """The run has completed, so there is nothing to do.

    Attributes:
        run_dir: The run directory.
    """

    run_dir: Path


Result = Ended | Detached | NotDetached | AlreadyCompleted
