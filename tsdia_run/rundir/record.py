"""run.json: what a run is and how each of its attempts went.

The schema (version 1) is documented in docs/run-directory.md. Paths in it are relative to the run directory, so that
it can be moved; times are ISO 8601 in UTC. Text that is only shown is cleaned when it is written and when it is read,
and a damaged value of such a field does not make the record unusable.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path

from tsdia_run.errors import DamagedRunError
from tsdia_run.files.atomic import write_json
from tsdia_run.files.fields import Fields, can_be_path, parse_json, read_bounded
from tsdia_run.text import visible

SCHEMA = 1
_NO_SIZE = 2**63
# Fields with text of others that is only shown. Paths are not among them: they must lead to the same file again.
_SHOWN = frozenset({"name", "host", "reason", "metric", "wandb_name", "entrypoint"})
# A record grows by some 500 bytes an attempt; what is larger than this was not written by us.
MAX_RECORD_BYTES = 16 * 1024 * 1024


class State(Enum):
    """Where an attempt stands."""

    PREPARING = "preparing"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"


LIVE = frozenset({State.PREPARING, State.RUNNING})
_STATES = frozenset(state.value for state in State)


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


def ended(attempt: Attempt, outcome: Outcome, at: datetime | None) -> Attempt:
    """The attempt with its ending."""
    return replace(attempt, state=outcome.state, ended_at=at, outcome=outcome)


def write(path: Path, run: Run) -> None:
    """Put ``run`` into ``path``, whole or not at all.

    Raises:
        OSError: The file system refused; the old record stands.
    """
    write_json(path, {"schema": SCHEMA, "state": run.state.value} | _object(run))


def _object(value: Run | Attempt | Outcome | Digest) -> dict[str, object]:
    values = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return {name: visible(one) if name in _SHOWN and isinstance(one, str) else one for name, one in values.items()}


def _plain(value: object) -> object:
    if isinstance(value, (Run, Attempt, Outcome, Digest)):
        return _object(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return value


def read(path: Path) -> Run:
    """Read a record.

    Raises:
        DamagedRunError: It is missing, not JSON, of a newer schema, or a value that decisions depend on is not usable.
    """
    try:
        return _run(parse_json(read_bounded(path, MAX_RECORD_BYTES)), path.absolute().parent.name)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DamagedRunError(
            f"the record {path} can't be used: {reason}",
            hint="The logs and checkpoints beside it are untouched. Start a new run from the checkpoint that you want.",
        ) from error


class _Fields(Fields):
    def state(self) -> State:
        word = self.required("state", str)
        try:
            return State(word)
        except ValueError:
            raise ValueError(f"{self._what} has the unknown state {word!r}") from None


def _run(data: object, directory: str) -> Run:
    fields = _Fields(data, "the record")
    schema = fields.required("schema", int)
    if schema > SCHEMA:
        raise ValueError(f"it has schema {schema}, written by a newer tsdia-run; update tsdia-run")
    attempts = tuple(_attempt(item, at) for at, item in enumerate(fields.required("attempts", list)))
    if not attempts:
        raise ValueError("it has no attempt")
    return Run(
        run_id=fields.required("run_id", str),
        name=fields.shown("name") or visible(directory),
        created_at=fields.lenient_time("created_at") or attempts[0].started_at,
        source_config=fields.lenient("source_config", str),
        started_from=fields.lenient("started_from", str),
        wandb_id=fields.lenient("wandb_id", str),
        wandb_name=fields.shown("wandb_name"),
        entrypoint=fields.shown("entrypoint"),
        attempts=attempts,
        digest=_digest(fields),
    )


def _digest(fields: Fields) -> Digest | None:
    """None for one that can't be used: it can be measured again, so it must not keep anybody from the record."""
    try:
        digest = Digest(**fields.required("digest", dict))
    except (ValueError, TypeError):
        return None
    if not digest.is_sound:
        return None
    return digest if digest.metric is None else replace(digest, metric=visible(digest.metric))


def _attempt(data: object, position: int) -> Attempt:
    fields = _Fields(data, f"attempt {position}")
    if fields.required("number", int) != position:
        raise ValueError(f"attempt {position} is out of order")
    state, outcome = fields.state(), fields.lenient("outcome", dict)
    return Attempt(
        number=position,
        state=state,
        started_at=fields.time("started_at"),
        log=fields.lenient("log", str) or "",
        host=fields.shown("host") or "",
        checkpoint=fields.lenient("checkpoint", str),
        superseded=tuple(filter(can_be_path, map(str, fields.optional("superseded", list) or ()))),
        checkpoint_read=fields.shown("checkpoint_read"),
        warnings=tuple(visible(str(one)) for one in fields.lenient("warnings", list) or ()),
        ended_at=fields.lenient_time("ended_at"),
        outcome=None if outcome is None else _outcome(outcome, state),
    )


def _outcome(data: object, state: State) -> Outcome:
    """How an attempt ended; all of it is only shown, since the attempt has its state itself."""
    fields = _Fields(data, "the outcome")
    return Outcome(
        state=State(word) if (word := fields.shown("state")) in _STATES else state,
        reason=fields.shown("reason") or "",
        exit_code=fields.lenient("exit_code", int),
        signal=fields.lenient("signal", int),
        rank=fields.lenient("rank", int),
    )
