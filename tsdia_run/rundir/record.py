"""The record of a run and its attempts (pure). ``record_file.py`` reads and writes it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

_NO_SIZE = 2**63


class State(Enum):
    """The state of an attempt."""

    PREPARING = "preparing"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"


LIVE = frozenset({State.PREPARING, State.RUNNING})


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        state: One of completed, failed, stopped, lost.
        reason: The reason, in one sentence.
        exit_code: The script's own exit code; None if a signal ended the script.
        signal: The number of the signal that ended the script; None if the script exited.
        rank: The rank that failed first; None if no rank failed.
    """

    state: State
    reason: str
    exit_code: int | None = None
    signal: int | None = None
    rank: int | None = None


@dataclass(frozen=True)
class Attempt:
    """One launch of the training processes.

    Attributes:
        number: 0 for ``new``, N for the Nth resume.
        state: Its state.
        started_at: When it was prepared.
        log: Its log, relative to the run directory.
        host: The machine that it runs on.
        checkpoint: The checkpoint that it resumed from: relative to the run directory if inside it, else absolute.
        superseded: Checkpoints, relative to the run directory, that it superseded when it started.
        checkpoint_read: Whether the script read the checkpoint: ``read``, ``other``, ``not read`` or ``unknown``; None
            without a checkpoint, and until the attempt has ended.
        warnings: Warnings from while it ran.
        ended_at: When it ended; None while it is running.
        outcome: How it ended; None while it is running.
    """

    number: int
    state: State
    started_at: datetime
    log: str
    host: str
    checkpoint: str | None = None
    superseded: tuple[str, ...] = ()
    checkpoint_read: str | None = None
    warnings: tuple[str, ...] = ()
    ended_at: datetime | None = None
    outcome: Outcome | None = None

    def lasted_s(self, now: datetime) -> float:
        """Return how long it ran, in seconds: until now if it is running; 0 if its end is not known."""
        end = self.ended_at or (now if self.state in LIVE else self.started_at)
        return (end - self.started_at).total_seconds()

    def with_outcome(self, outcome: Outcome, at: datetime | None) -> Attempt:
        """Return the attempt with its ending."""
        return replace(self, state=outcome.state, ended_at=at, outcome=outcome)


@dataclass(frozen=True)
class Digest:
    """The values that a list of runs shows, measured when the newest attempt ended.

    Attributes:
        step: The last logged step; the step of the newest checkpoint if no step was logged.
        metric: The main metric of the run (rundir/headline.py).
        best: The best value of the main metric.
        best_step: The step of the best value.
        checkpoints: The number of checkpoints.
        size_bytes: The size of all files, or of the first files if there are too many to count quickly.
        wandb_id: The id of its W&B run; None if it created none.
    """

    step: int | None = None
    metric: str | None = None
    best: float | None = None
    best_step: int | None = None
    checkpoints: int = 0
    size_bytes: int = 0
    wandb_id: str | None = None

    @property
    def is_sound(self) -> bool:
        """Whether each value has a valid type and range: a user may have edited the record."""
        return (
            (self.step is None or type(self.step) is int)
            and (self.metric is None or type(self.metric) is str)
            and (self.best is None or (type(self.best) is float and math.isfinite(self.best)))
            and (self.best_step is None or type(self.best_step) is int)
            and type(self.checkpoints) is type(self.size_bytes) is int
            and 0 <= self.size_bytes < _NO_SIZE
            and (self.wandb_id is None or type(self.wandb_id) is str)
        )


@dataclass(frozen=True)
class Run:
    """The record of a run.

    Attributes:
        run_id: A random id, which only a copy of the directory replaces; the script receives it as TSDIA_RUN_ID.
        name: The last part of the run directory's path when the run was created.
        created_at: When the run was created.
        source_config: The absolute path of the user's config; None for a script without a config.
        started_from: The checkpoint of another run that this one starts from (fine-tuning); None otherwise.
        wandb_id: The id of its W&B run, chosen before the start; None in records of the first version of tsdia-run.
        wandb_name: The name of its W&B run.
        entrypoint: The script, module (``-m NAME``) or executable of its newest attempt; None in older records.
        attempts: All attempts, in order.
        digest: The values that a list of runs shows; None before the first attempt has ended.
    """

    run_id: str
    name: str
    created_at: datetime
    source_config: str | None = None
    started_from: str | None = None
    wandb_id: str | None = None
    wandb_name: str | None = None
    entrypoint: str | None = None
    attempts: tuple[Attempt, ...] = ()
    digest: Digest | None = None

    @property
    def last(self) -> Attempt:
        """The newest attempt; every record has one."""
        return self.attempts[-1]

    @property
    def state(self) -> State:
        """The state of the run: the state of its newest attempt."""
        return self.last.state

    def lasted_s(self, now: datetime) -> float:
        """Return how long its attempts ran in total, in seconds."""
        return sum(attempt.lasted_s(now) for attempt in self.attempts)

    def with_attempt(self, attempt: Attempt) -> Run:
        """Return the run with ``attempt`` added, or with the attempt of the same number replaced."""
        others = tuple(other for other in self.attempts if other.number != attempt.number)
        return replace(self, attempts=(*others, attempt))
