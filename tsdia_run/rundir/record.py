"""The record of a run: what the run is and how each of its attempts went (pure). ``record_file.py`` has its file."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

_NO_SIZE = 2**63


class State(Enum):
    """Where an attempt stands."""

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
        reason: One sentence for people.
        exit_code: The script's own exit code; None when a signal ended it.
        signal: The number of the signal that ended the script; None when it exited.
        rank: The rank that failed first; None when no rank failed.
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
        state: Where it stands.
        started_at: When it was prepared.
        log: Its log, relative to the run directory.
        host: The machine that it runs on.
        checkpoint: What it resumed from: relative to the run directory where it lies inside, else absolute.
        superseded: Checkpoints, relative to the run directory, that it went back behind when it started.
        checkpoint_read: Whether the script read it: ``read``, ``other``, ``not read`` or ``unknown``; None where there
            was none, or where the attempt has not ended.
        warnings: What was noticed while it ran, and a user should know.
        ended_at: When it ended; None while it lives.
        outcome: How it ended; None while it lives.
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
        """How long it ran, in seconds: until now while it lives; 0 where nobody knows when it ended."""
        end = self.ended_at or (now if self.state in LIVE else self.started_at)
        return (end - self.started_at).total_seconds()

    def with_outcome(self, outcome: Outcome, at: datetime | None) -> Attempt:
        """The attempt with its ending."""
        return replace(self, state=outcome.state, ended_at=at, outcome=outcome)


@dataclass(frozen=True)
class Digest:
    """A run in a few numbers, measured when its newest attempt ended: what a list of runs tells of it.

    Attributes:
        step: The step that it has reached: as logged, else that of its newest checkpoint.
        metric: The metric that stands for it (rundir/headline.py).
        best: The best value of that.
        best_step: When it was logged.
        checkpoints: How many there are.
        size_bytes: The size of all files; of the first ones where there are more than can be counted quickly.
        wandb_id: The id of its W&B run; None where it made none.
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
        """Whether each value is of its type and can be one: somebody may have edited the record."""
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
        run_id: Random, made once; the script sees it as TSDIA_RUN_ID.
        name: The last part of the run directory's name when the run was made.
        created_at: When the run was made.
        source_config: The config as the user named it, absolute; None for a script that takes none.
        started_from: The checkpoint of another run that this one starts from (fine-tuning); None otherwise.
        wandb_id: The id of its W&B run, made before the start; None in records of the first version of tsdia-run.
        wandb_name: The name of its W&B run.
        entrypoint: The script, module (``-m NAME``) or executable of its newest attempt; None in older records.
        attempts: All of them, in order.
        digest: What a list of runs tells of it; None before the first attempt has ended.
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
        """Where the run stands: where its newest attempt does."""
        return self.last.state

    def lasted_s(self, now: datetime) -> float:
        """How long its attempts ran, all together, in seconds."""
        return sum(attempt.lasted_s(now) for attempt in self.attempts)

    def with_attempt(self, attempt: Attempt) -> Run:
        """The run with ``attempt`` added, or put in the place of the one with its number."""
        others = tuple(other for other in self.attempts if other.number != attempt.number)
        return replace(self, attempts=(*others, attempt))
