"""The events that a user can be notified of, and the facts about them (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum

from tsdia_run.files.redaction import Redactor
from tsdia_run.rundir import env
from tsdia_run.rundir.record import Run
from tsdia_run.text import duration, visible

_SCHEMA = 1
# The shortest limit of the services: a message of Discord has 2,000 characters.
_MAX_CHARACTERS = 1500


class Event(Enum):
    """An event of a run. A run that fails and restarts has no event ``failed``, but one of ``restarted``."""

    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    HUNG = "hung"
    RESTARTED = "restarted"


@dataclass(frozen=True)
class EventFacts:
    """The facts about an event, as a program reads them.

    Attributes:
        event: The event.
        name: The name of the run.
        text: The event in one sentence.
        values: Everything by name: the keys of the JSON, and the names of the variables without their prefix.
    """

    event: Event
    name: str
    text: str
    values: dict[str, str | int | float | None]

    def variables(self) -> dict[str, str]:
        """Return the environment variables for a command; a fact that is not known has none."""
        found = {env.NOTIFY_PREFIX + name.upper(): value for name, value in self.values.items() if name != "schema"}
        return {name: str(value) for name, value in found.items() if value is not None}


def describe(event: Event, run: Run, run_dir: str, redactor: Redactor, hung: str = "") -> EventFacts:
    """Return the facts about an event.

    Args:
        event: The event.
        run: The record; its newest attempt is the one that the event is about.
        run_dir: The run directory.
        redactor: Removes the user's secrets from the reason.
        hung: Why the run counts as hung, before its ending is recorded.
    """
    last, now = run.last, datetime.now(timezone.utc)
    outcome, digest = last.outcome, run.digest
    name = visible(run_dir.rpartition("/")[2])
    reason = visible(redactor.text(hung or (outcome.reason if outcome else "")))[:_MAX_CHARACTERS]
    text = _sentence(event, name, f"{duration(run.lasted_s(now))} on {last.host}", last.state.value, reason)
    best = None if digest is None or hung else digest.best
    return EventFacts(
        event,
        name,
        text[:_MAX_CHARACTERS],
        {
            "schema": _SCHEMA,
            "event": event.value,
            "name": name,
            "run_dir": visible(run_dir),
            "run_id": run.run_id,
            "attempt": last.number,
            "state": last.state.value,
            "reason": reason,
            "exit_code": outcome.exit_code if outcome else None,
            "signal": outcome.signal if outcome else None,
            "host": last.host,
            "started_at": last.started_at.isoformat(timespec="seconds"),
            "ended_at": last.ended_at.isoformat(timespec="seconds") if last.ended_at else None,
            "duration_s": round(run.lasted_s(now), 1),
            "metric": digest.metric if digest and best is not None else None,
            "best": best,
            "best_step": digest.best_step if digest and best is not None else None,
            "text": text[:_MAX_CHARACTERS],
        },
    )


def _sentence(event: Event, name: str, after: str, state: str, reason: str) -> str:
    if event is Event.HUNG:
        return f"{name} is {reason if reason.startswith('hung') else f'hung: {reason}'}"
    if event is Event.RESTARTED:
        return f"{name} restarts after an attempt that {state}: {reason}"
    return f"{name} {state} after {after}: {reason.removeprefix(f'{state} ')}"
