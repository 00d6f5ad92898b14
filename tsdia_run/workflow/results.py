"""What became of a request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from signal import Signals

from tsdia_run.rundir.record import Run


@dataclass(frozen=True)
class Ended:
    """The training ran, and has ended.

    Attributes:
        run_dir: The run directory.
        run: Its record.
        exit_code: What a command should end with.
        stopped_by: The signal of a request to stop; a command should die of it. None where there was none.
    """

    run_dir: Path
    run: Run
    exit_code: int
    stopped_by: Signals | None = None


@dataclass(frozen=True)
class Detached:
    """The training runs in a process of its own.

    Attributes:
        run_dir: The run directory.
        pid: The process that supervises it.
    """

    run_dir: Path
    pid: int


@dataclass(frozen=True)
class NotDetached:
    """The process that was to run the training ended before it had started it; it has told the user why.

    Attributes:
        exit_code: Its exit code; 128+n for signal n.
    """

    exit_code: int


@dataclass(frozen=True)
class AlreadyCompleted:
    """There is nothing to do.

    Attributes:
        run_dir: The run directory.
    """

    run_dir: Path


Result = Ended | Detached | NotDetached | AlreadyCompleted
