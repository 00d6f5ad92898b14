"""Build the closing card, which tsdia-run prints when an attempt has ended."""

from __future__ import annotations

import os
from pathlib import Path

from tsdia_run import checkpoints
from tsdia_run.outcome.classify import hint_for
from tsdia_run.report.suggestions import Suggestions
from tsdia_run.report.wandb import wandb_line
from tsdia_run.rundir.record import Run, State
from tsdia_run.text import duration, shown, visible


def card(run_dir: Path, run: Run, error: str | None = None, wandb_dir: str | None = None) -> list[tuple[str, str]]:
    """Return the lines of the closing card: name and text.

    Args:
        run_dir: The run directory.
        run: The record of the run, whose newest attempt has ended.
        error: The exception that ended the script, in one line.
        wandb_dir: The user's own WANDB_DIR.
    """
    last = run.last
    lines = [("why", last.outcome.reason if last.outcome else "unknown")]
    if last.ended_at:
        lines.append(("duration", duration((last.ended_at - last.started_at).total_seconds())))
    found = checkpoints.find(run_dir)
    newest = checkpoints.newest_complete(found).chosen
    text = f", newest {os.path.relpath(newest.path, run_dir)}" if newest else ", none complete" if found else ""
    lines.append(("checkpoints", f"{len(found) or 'none'}{text}"))
    lines.append(("log", shown(run_dir / last.log)))
    wandb = wandb_line(run_dir, run.wandb_id or run.run_id, wandb_dir)
    if wandb:
        lines.append(("wandb", wandb))
    hint = hint_for(error or "")
    if hint:
        lines.append(("hint", hint))
    lines.append(("next", _next(run_dir, run, newest is not None)))
    return [(name, visible(text)) for name, text in lines]


def _next(run_dir: Path, run: Run, has_checkpoints: bool) -> str:
    suggest = Suggestions(run_dir)
    if run.state is State.COMPLETED:
        return suggest.start_another() or suggest.info()
    if not has_checkpoints:
        return f"{suggest.start_over()}   (no checkpoint to resume from)"
    command, advice = suggest.resume_from_checkpoint()
    return f"{command}   ({advice})" if advice else command
