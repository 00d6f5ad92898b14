"""Read and write run.json, the record of a run; each write is atomic.

docs/run-directory.md documents the schema (version 1). Paths are relative to the run directory, so that it can be
moved; times are ISO 8601 in UTC. Text that is only shown is cleaned on writing and on reading, and a damaged value of
such a field does not make the record unusable.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from tsdia_run.errors import DamagedRunError
from tsdia_run.files.atomic import json_bytes, write_bytes
from tsdia_run.files.fields import Fields, can_be_path, parse_json, read_bounded, read_object
from tsdia_run.files.opening import open_fd
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import LIVE, Attempt, Digest, Outcome, Run, State
from tsdia_run.text import visible

SCHEMA = 1
# Fields with text from outside that is only shown. Paths are not cleaned: they must lead to the same file.
_SHOWN = frozenset({"name", "host", "reason", "metric", "wandb_name", "entrypoint"})
# A record grows by about 500 bytes per attempt; tsdia-run never writes a larger file than this.
_MAX_BYTES = 16 * 1024 * 1024
_MAX_GLANCE_BYTES = 1024 * 1024
_NAME = RunLayout(Path()).record.name
# The record is written last; a later change in the run directory makes the digest out of date.
_SLACK_S = 2.0
_STATES = {state.value: state for state in State}
_ENDED = {word: state for word, state in _STATES.items() if state not in LIVE}


def write(path: Path, run: Run) -> None:
    """Write ``run`` to ``path`` atomically.

    Raises:
        OSError: The file can't be written; the old record is unchanged.
    """
    write_bytes(path, as_bytes(run))


def as_bytes(run: Run) -> bytes:
    """Return the content of the record of ``run``."""
    return json_bytes({"schema": SCHEMA, "state": run.state.value} | _object(run))


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
        DamagedRunError: The record is missing, not JSON, of a newer schema, or a required value is not valid.
    """
    try:
        return _run(parse_json(read_bounded(path, _MAX_BYTES)), path.absolute().parent.name)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DamagedRunError(
            f"the record {path} can't be used: {reason}",
            hint="The logs and checkpoints of the run are not affected. Start a new run from one of the checkpoints.",
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
        raise ValueError(f"schema {schema} was written by a newer tsdia-run; update tsdia-run")
    attempts = tuple(_attempt(item, at) for at, item in enumerate(fields.required("attempts", list)))
    if not attempts:
        raise ValueError("the record has no attempt")
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
    """Return the digest; None if it is not valid: it can be measured again, and the record stays usable."""
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
    """Return how an attempt ended. These values are only shown; decisions use the state of the attempt."""
    fields = _Fields(data, "the outcome")
    return Outcome(
        state=_STATES.get(fields.shown("state") or "", state),
        reason=fields.shown("reason") or "",
        exit_code=fields.lenient("exit_code", int),
        signal=fields.lenient("signal", int),
        rank=fields.lenient("rank", int),
    )


class EndedRun(NamedTuple):
    """What a list shows of a run that has ended. A tuple, since there may be tens of thousands of runs.

    Attributes:
        state: The state of the run.
        reason: How its newest attempt ended.
        started_at: When its newest attempt started.
        ended_at: When its newest attempt ended; None if that is not known.
        duration_s: How long its attempts ran in total.
        attempts: The number of attempts.
        digest: The measured values.
        host: The machine of the newest attempt.
        run_id: The run's id.
        entrypoint: The entrypoint of the newest attempt; None in older records.
    """

    state: State
    reason: str
    started_at: datetime
    ended_at: datetime | None
    duration_s: float
    attempts: int
    digest: Digest
    host: str
    run_id: str
    entrypoint: str | None


def glance(run_dir: str) -> EndedRun | None:
    """Read the record of a run that has ended and has not changed since, three times faster than ``read``.

    Returns:
        None for any other run, and for an unusual record: ``read`` then reports the problem.
    """
    try:
        fd = open_fd(f"{run_dir}/{_NAME}")
        try:
            file = os.fstat(fd)
            # A buffer of the largest size for each record would take longer than everything else.
            data = os.read(fd, min(file.st_size, _MAX_GLANCE_BYTES))
        finally:
            os.close(fd)
        run = json.loads(data.decode())
        state = _ENDED[run["attempts"][-1]["state"]]
        if run["schema"] != SCHEMA or os.stat(run_dir).st_mtime > file.st_mtime + _SLACK_S:
            return None
        return _ended(run, state, Digest(**run["digest"]))
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return None


def _ended(run: dict[str, Any], state: State, digest: Digest) -> EndedRun | None:
    parse, duration_s = datetime.fromisoformat, 0.0
    for attempt in run["attempts"]:
        began, ended = parse(attempt["started_at"]), attempt["ended_at"]
        ended_at = parse(ended) if ended else None
        duration_s += (ended_at - began).total_seconds() if ended_at else 0.0
    reason, host, run_id = attempt["outcome"]["reason"], attempt["host"], run["run_id"]
    if not (type(reason) is type(host) is type(run_id) is str and began.tzinfo and digest.is_sound):
        return None
    entrypoint = run.get("entrypoint")
    return EndedRun(
        state,
        visible(reason),
        began,
        ended_at,
        duration_s,
        len(run["attempts"]),
        digest,
        visible(host),
        run_id,
        visible(entrypoint) if isinstance(entrypoint, str) else None,
    )


def ids(run_dir: str) -> tuple[str | None, str | None]:
    """Return the ids of a run and of its W&B run, also from a record that ``read`` can't use."""
    fields = Fields(read_object(Path(run_dir, _NAME), _MAX_BYTES), "the record")
    return fields.lenient("run_id", str), fields.lenient("wandb_id", str)
