"""The input and the result of a supervisor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.claim.guard import Claim
from tsdia_run.outcome.classify import Stop
from tsdia_run.outcome.exit_records import ExitSummary
from tsdia_run.outcome.kept_endings import Unrecorded
from tsdia_run.rundir.record import Run
from tsdia_run.settings import LogSettings
from tsdia_run.supervise.hang import HangTimeouts
from tsdia_run.supervise.signals import SignalQueue


@dataclass(frozen=True)
class Job:
    """An attempt to supervise.

    Attributes:
        claim: The claim on the run directory.
        run: The record, with the attempt to start as its last one.
        argv: The command line.
        cwd: Its working directory.
        environment: Its complete environment, with the run's tag.
        is_delegated: Whether ``argv`` is a launcher of several ranks.
        grace_s: The grace period after the first stop request; infinite for no limit.
        signals: The signals to this process.
        say: Tells the user what tsdia-run does while the training runs.
        shown_command: The command line without secrets, for the log.
        logs: The settings of the log.
        use_terminal: Whether the training gets a pseudo-terminal if the supervisor has a terminal.
        while_starting: A function to run in a thread while the training starts; it returns warnings. An exception
            becomes one.
        hash_checkpoints: Whether to hash sealed checkpoints.
        original_config: The config in the run directory, restored at the end if the script overwrote it.
        delay_s: Time to wait before the start.
        time_limit_s: Time after which the training is stopped; None for no limit.
        hang_timeouts: The hang timeouts; None for none.
        on_hang: Called when the training counts as hung, with the record and the reason; it returns immediately.
    """

    claim: Claim
    run: Run
    argv: Sequence[str]
    cwd: Path
    environment: Mapping[str, str]
    is_delegated: bool
    grace_s: float
    signals: SignalQueue
    say: Callable[[str], None]
    shown_command: str
    logs: LogSettings
    use_terminal: bool
    while_starting: Callable[[], Sequence[str]]
    hash_checkpoints: bool
    original_config: bytes | None
    delay_s: float = 0.0
    time_limit_s: float | None = None
    hang_timeouts: HangTimeouts | None = None
    on_hang: Callable[[Run, str], None] = lambda run, reason: None


@dataclass(frozen=True)
class JobResult:
    """The result of an attempt.

    Attributes:
        run: The record with the outcome.
        stop: The first stop request, if there was one.
        warnings: The warnings for the user.
        words: The exit record of the first rank that failed.
        unrecorded: Why the record does not have the outcome; None if it does.
        is_last: Whether the user asked for a stop after the training had ended: no restart may follow.
    """

    run: Run
    stop: Stop | None
    warnings: tuple[str, ...]
    words: ExitSummary
    unrecorded: Unrecorded | None = None
    is_last: bool = False
