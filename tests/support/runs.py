"""Run directories for the read side, made without a training."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tests.support import checkpoints
from tsdia_run.rundir import record_file, summary_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.metrics import as_text
from tsdia_run.rundir.metrics_summary import Summary
from tsdia_run.rundir.record import LIVE, Attempt, Digest, Outcome, Run, State

BEGAN = datetime(2026, 11, 20, 8, 0, tzinfo=timezone.utc)
REASONS = {
    State.COMPLETED: "the script exited with code 0",
    State.FAILED: "ValueError: boom (train.py:7) (the script exited with code 1)",
    State.STOPPED: "stopped by Ctrl-C (SIGINT); the script exited with code 0",
    State.LOST: "no heartbeat and no recorded ending: killed with its supervisor, or the machine went down",
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
    """Make a run with an attempt of one hour for each state; without states, one completed attempt."""
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
            attempt = attempt.with_outcome(outcome, started + timedelta(hours=1))
        attempts.append(attempt)
    run = Run(run_id, run_dir.name, began, source_config="/home/u/config.yml", attempts=tuple(attempts))
    layout.logs.mkdir(parents=True)
    layout.own.mkdir()
    record_file.write(layout.record, run)
    return Made(layout, run)


def renamed(made: Made, **changes: object) -> Made:
    """Return the run with other values in its record."""
    run = replace(made.run, **changes)  # type: ignore[arg-type]
    record_file.write(made.layout.record, run)
    return Made(made.layout, run)


def log_metrics(layout: RunLayout, attempt: int, steps: Iterable[int], value: Callable[[int], float] = float) -> None:
    """Write lines to metrics.jsonl, as the hook in the training does: ``val/loss`` and ``train/lr``."""
    with layout.metrics.open("a") as file:
        for step in steps:
            values = {"val/loss": value(step), "train/lr": 0.1}
            line = {"step": step, "time": 1_764_000_000.0 + step, "attempt": attempt}
            shown = {name: number if math.isfinite(number) else as_text(number) for name, number in values.items()}
            file.write(json.dumps(line | shown) + "\n")


def full_run(run_dir: Path) -> Made:
    """Make a run with a file of each kind: it failed, was resumed from step 2, and failed again."""
    made = make_run(run_dir, State.FAILED, State.FAILED, checkpoint="step_2")
    layout = made.layout
    made = renamed(made, wandb_id="wb42", digest=Digest(step=5, metric="val/loss", best=0.5, best_step=4))
    layout.config.write_text("training: {lr: 1.0e-4, epochs: 3, checkpoint: {save_dir: runs/exp}}\n")
    layout.wandb_info.write_text(json.dumps({"run_id": "wb42", "run_url": "https://wandb.example/wb42"}))
    layout.progress.write_text(json.dumps({"time": 1_764_000_000.0, "n": 3, "total": 9, "last_line": "step 3"}))
    layout.heartbeat.write_text(json.dumps({"host": "node1", "pid": 7, "since": "2026-11-20T08:00:00+00:00"}))
    log_metrics(layout, 0, range(5), lambda step: 1.0 / (1 + step))
    log_metrics(layout, 1, range(3, 6), lambda step: 2.0 / (1 + step))
    summary_file.save(summary_file.read_summary(layout) or Summary(), layout.metrics_summary)
    for attempt in made.run.attempts:
        _attempt_files(layout, attempt)
    for step in (1, 2):
        checkpoints.seal(checkpoints.state(run_dir / f"step_{step}"))
    layout.best.symlink_to("step_1")
    return made


def _attempt_files(layout: RunLayout, attempt: Attempt) -> None:
    files = layout.attempt(attempt.number)
    files.root.mkdir(parents=True)
    files.config.write_bytes(layout.config.read_bytes())
    files.git.write_text(json.dumps({"commit": "0123456789" * 4, "branch": "main", "is_dirty": True}))
    files.patch.write_text("--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-a\n+b\n")
    command = {
        "argv": ["python", "train.py"],
        "overrides": ["training.lr=1e-4"],
        "extra_args": ["--x"],
        "cwd": "/home/u",
    }
    files.command.write_text(json.dumps({**command, "launcher": "python"}))
    packages = {"torch": "2.13.0", "numpy": f"2.{attempt.number}"}
    environment = {"python": "3.11.7", "host": "node1", "gpus": [{"name": "A100"}] * 2, "packages": packages}
    files.environment.write_text(json.dumps(environment))
    files.exit_record(0).write_text(json.dumps({"exit_code": 1, "step": 4 + attempt.number}))
    (layout.root / attempt.log).write_text(f"[tsdia-run: begin]\nattempt {attempt.number}\nValueError: boom\n")
