"""Run directories as the read side finds them, made without a training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tsdia_run.rundir import record
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import LIVE, Attempt, Outcome, Run, State

BEGAN = datetime(2026, 11, 20, 8, 0, tzinfo=timezone.utc)
REASONS = {
    State.COMPLETED: "the script ended with exit code 0",
    State.FAILED: "ValueError: boom (train.py:7) (the script ended with exit code 1)",
    State.STOPPED: "asked to stop by SIGINT; the script ended with exit code 0",
    State.LOST: "killed together with its supervisor, or the machine went down",
}


@dataclass(frozen=True)
class Made:
    """A run that a test made."""

    layout: RunLayout
    run: Run


def make_run(
    run_dir: Path,
    *states: State,
    began: datetime = BEGAN,
    checkpoint: str | None = None,
    run_id: str = "00aa11bb22cc",
) -> Made:
    """A run with an attempt of one hour for each state; none means one that completed."""
    layout = RunLayout(run_dir)
    attempts = []
    for number, state in enumerate(states or (State.COMPLETED,)):
        started = began + timedelta(hours=2 * number)
        attempt = Attempt(
            number=number,
            state=state,
            started_at=started,
            log=str(layout.log(number, started).relative_to(run_dir)),
            host="node1",
            checkpoint=checkpoint if number else None,
        )
        if state not in LIVE:
            code = None if state is State.LOST else int(state is State.FAILED)
            outcome = Outcome(state, REASONS[state], exit_code=code)
            attempt = record.ended(attempt, outcome, started + timedelta(hours=1))
        attempts.append(attempt)
    run = Run(run_id, run_dir.name, began, source_config="/home/u/config.yml", attempts=tuple(attempts))
    layout.logs.mkdir(parents=True)
    layout.own.mkdir()
    record.write(layout.record, run)
    return Made(layout, run)


def renamed(made: Made, **changes: object) -> Made:
    """The run with other values in its record."""
    run = replace(made.run, **changes)  # type: ignore[arg-type]
    record.write(made.layout.record, run)
    return Made(made.layout, run)
