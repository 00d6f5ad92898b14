"""What a supervisor is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.claim.guard import Claim
from tsdia_run.outcome.classify import Stop
from tsdia_run.outcome.exit_records import LastWords
from tsdia_run.rundir.record import Run
from tsdia_run.settings import LogSettings
from tsdia_run.supervise.hang import Patience


@dataclass(frozen=True)
class Job:
    """What is to be supervised.

    Attributes:
        claim: The right to the run directory.
        run: The record, with the attempt that is to start as its last.
        argv: The command line.
        cwd: Its working directory.
        environment: Its whole environment, with the tag of the run.
        is_delegated: Whether ``argv`` is a launcher of several ranks.
        grace_s: How long the script may take after the first request to stop.
        shown_command: The command line for people, without secrets.
        logs: How the log is kept.
        use_terminal: Whether the training may get a terminal of its own, if we have one.
        beside: Work to be done while the training starts; it returns warnings, and what it raises becomes one.
        hash_checkpoints: Whether sealed checkpoints get hashes.
        original_config: The bytes of the config in the run directory, put back if the script wrote over it.
        delay_s: How long to wait before the start.
        time_limit_s: When the training is asked to stop, after its start; None for never.
        patience: How long nothing may be heard from it; None for forever.
    """

    claim: Claim
    run: Run
    argv: Sequence[str]
    cwd: Path
    environment: Mapping[str, str]
    is_delegated: bool
    grace_s: float
    shown_command: str
    logs: LogSettings
    use_terminal: bool
    beside: Callable[[], Sequence[str]]
    hash_checkpoints: bool
    original_config: bytes | None
    delay_s: float = 0.0
    time_limit_s: float | None = None
    patience: Patience | None = None


@dataclass(frozen=True)
class JobResult:
    """What is left to tell.

    Attributes:
        run: The record with the outcome.
        stop: What asked it to end, if anything did.
        warnings: What went wrong around the training.
        words: What the first failing rank left about its end.
    """

    run: Run
    stop: Stop | None
    warnings: tuple[str, ...]
    words: LastWords
