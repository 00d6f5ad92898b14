"""The current status of a run, also if its record is missing or damaged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tsdia_run.claim import owner
from tsdia_run.claim.liveness import RunningProcesses, living
from tsdia_run.claim.processes import stopped_ranks
from tsdia_run.errors import DamagedRunError
from tsdia_run.outcome.settle import settled
from tsdia_run.report.formatting import SUSPENDED, NoState
from tsdia_run.report.places import exists
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import LIVE, Attempt, Outcome, Run, State

MADE_ELSEWHERE = "not created by tsdia-run: no run.json"
_SUSPENDED = "its processes are stopped (Ctrl-Z or SIGSTOP); to continue: fg in its terminal, or kill -CONT {}"
_NEVER_BEGAN = "killed before its start was recorded"


@dataclass(frozen=True)
class RunStatus:
    """The current status of a run.

    Attributes:
        layout: Its files.
        run: Its record, with the ending of an attempt whose supervisor was killed; None if it can't be read.
        state: The state of the run; None if it is not known.
        reason: The reason for the state, in one sentence; empty while the run is running.
        living: Which of its processes are running.
        trouble: Why the record can't be used; None if it can be used, or if there is no record.
        is_suspended: Whether a signal has stopped the training (SIGSTOP, Ctrl-Z); its state is running.
    """

    layout: RunLayout
    run: Run | None
    state: State | None
    reason: str
    living: RunningProcesses
    trouble: str | None = None
    is_suspended: bool = False

    @property
    def name(self) -> str:
        """The name of the run: the last part of its current path."""
        return self.layout.root.name

    @property
    def standing(self) -> State | NoState:
        """The state, or why it is not known."""
        return self.state or (NoState.DAMAGED if self.trouble else NoState.UNKNOWN)

    @property
    def word(self) -> str:
        """The state as a word; ``suspended`` for a running run whose training is stopped."""
        if self.is_suspended:
            return SUSPENDED
        word: str = self.standing.value
        return word

    @property
    def ending(self) -> str:
        """The state and the reason for it, as one text."""
        return Outcome(self.state, self.reason).sentence() if self.state else f"unknown state: {self.reason}"

    @property
    def is_living(self) -> bool:
        """Whether any of its processes is running."""
        return self.living is not RunningProcesses.NOTHING

    @property
    def is_live(self) -> bool:
        """Whether its state means that it has not ended."""
        return self.state in LIVE

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All attempts in the record."""
        return self.run.attempts if self.run else ()


def look(run_dir: Path) -> RunStatus:
    """Return the status of a run. Never raises for unreadable files."""
    layout = RunLayout(run_dir)
    alive = living(layout)
    try:
        run = record_file.read(layout.record)
    except DamagedRunError as error:
        cause = error.__cause__
        return _without_record(layout, alive, (cause.strerror if isinstance(cause, OSError) else None) or str(cause))
    if run.state in LIVE and alive is RunningProcesses.NOTHING:
        # A run that ends right now records its ending before it releases its locks.
        run = settled(_again(layout, run), layout, layout.last_seen())
    outcome = run.last.outcome
    reason = outcome.reason if outcome else ""
    if run.state in LIVE and alive is RunningProcesses.RANKS_ONLY:
        reason = "the supervisor was killed; the ranks are still running, and the log continues"
    is_training = run.state is State.RUNNING and alive is not RunningProcesses.NOTHING
    stopped = stopped_ranks(run.run_id, run_dir) if is_training else []
    if stopped:
        found = owner.last(layout)
        if found is not None and owner.is_stopped(found):
            stopped = [found.pid]  # it continues the others
        reason = _SUSPENDED.format(" ".join(map(str, stopped)))
    return RunStatus(layout, run, run.state, reason, alive, is_suspended=bool(stopped))


def _again(layout: RunLayout, run: Run) -> Run:
    try:
        return record_file.read(layout.record)
    except DamagedRunError:
        return run


def _without_record(layout: RunLayout, alive: RunningProcesses, trouble: str) -> RunStatus:
    try:
        has_record, is_claimed = exists(layout.record), exists(layout.claim)
    except OSError:  # no permission to enter the directory, or the file system is gone
        return RunStatus(layout, None, None, trouble, alive, trouble)
    if has_record:
        return RunStatus(layout, None, None, f"the record can't be used: {trouble}", alive, trouble)
    if not is_claimed:
        return RunStatus(layout, None, None, MADE_ELSEWHERE, alive)
    if alive is RunningProcesses.NOTHING:
        return RunStatus(layout, None, State.LOST, _NEVER_BEGAN, alive)
    return RunStatus(layout, None, State.PREPARING, "", alive)
