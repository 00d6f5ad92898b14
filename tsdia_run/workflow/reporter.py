"""The interface for messages about a run; cli/console.py implements it for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tsdia_run.errors.launching import SectionReplaced
from tsdia_run.outcome.kept_endings import Unrecorded
from tsdia_run.rundir.record import Attempt, Run


@dataclass(frozen=True)
class AttemptStart:
    """An attempt that is about to start.

    Attributes:
        run_dir: The run directory.
        attempt: Its entry in the record.
        python: The interpreter, and why it was chosen.
        launcher: How the ranks are started, as text for users.
        argv: The command line.
        environment: The variables that tsdia-run sets.
    """

    run_dir: Path
    attempt: Attempt
    python: tuple[str, str]
    launcher: str
    argv: Sequence[str]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class AttemptEnd:
    """An attempt that has ended.

    Attributes:
        run_dir: The run directory.
        run: The record, with the outcome.
        error: The exception of the first rank that failed, in one line; None if there was none.
        wandb_dir: The user's own WANDB_DIR.
        warnings: Problems outside the script.
        unrecorded: Why the record on disk does not have the outcome; None if it does.
    """

    run_dir: Path
    run: Run
    error: str | None
    wandb_dir: str | None
    warnings: tuple[str, ...]
    unrecorded: Unrecorded | None = None


class Reporter(Protocol):
    """Receives the messages of a workflow."""

    @property
    def ends_process(self) -> bool:
        """Whether this process ends with the run, so that no signal may change its exit code after the ending."""

    def note(self, text: str) -> None:
        """Report something that tsdia-run did or decided."""

    def warn(self, *warnings: str | SectionReplaced) -> None:
        """Report warnings."""

    def opening(self, start: AttemptStart) -> None:
        """Report that an attempt is about to start."""

    def closing(self, end: AttemptEnd) -> None:
        """Report that an attempt has ended."""

    def keep_own_stream(self) -> None:
        """Prepare for the closing of this process's standard streams; later messages must still reach the user."""

    def release(self) -> None:
        """Stop writing to the user's terminal."""
