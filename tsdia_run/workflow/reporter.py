"""Who is told what happens around a training. cli/console.py tells it to a terminal; other programs do as they like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tsdia_run.errors.launching import KeyAdded
from tsdia_run.rundir.record import Attempt, Run


@dataclass(frozen=True)
class AttemptStart:
    """An attempt that is about to start.

    Attributes:
        run_dir: The run directory.
        attempt: Its entry in the record.
        python: The interpreter, and how it was found.
        launcher: How the ranks are started, in words.
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
        error: The exception of the first rank that failed, in one line; None where there was none.
        wandb_dir: The user's own WANDB_DIR.
        warnings: What went wrong around the training.
    """

    run_dir: Path
    run: Run
    error: str | None
    wandb_dir: str | None
    warnings: tuple[str, ...]


class Reporter(Protocol):
    """What a workflow tells while it works."""

    def note(self, text: str) -> None:
        """Something was done or decided."""

    def warn(self, *warnings: str | KeyAdded) -> None:
        """The user should know this."""

    def opening(self, start: AttemptStart) -> None:
        """An attempt is about to start."""

    def closing(self, end: AttemptEnd) -> None:
        """An attempt has ended."""

    def keep_own_stream(self) -> None:
        """The standard streams of this process are about to be closed; what follows must still reach the user."""

    def release(self) -> None:
        """The user listens no longer."""
