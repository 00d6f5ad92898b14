"""Build the closing card, which tsdia-run prints when an attempt has ended."""

from __future__ import annotations

import os
from pathlib import Path

from tsdia_run import checkpoints
from tsdia_run.outcome.classify import hint_for
from tsdia_run.outcome.kept_endings import Unrecorded
from tsdia_run.report.outside import outside
from tsdia_run.report.suggestions import Suggestions
from tsdia_run.report.wandb import wandb_line
from tsdia_run.rundir import command_record
from tsdia_run.rundir.installing import install_command
from tsdia_run.rundir.layout import AttemptLayout, RunLayout
from tsdia_run.rundir.record import Run, State
from tsdia_run.text import duration, shell, shown, visible

# The packages of the extra `train`: of these, the module and the package have the same name.
_TRAIN = ("accelerate", "torch", "wandb")


def card(
    run_dir: Path,
    run: Run,
    error: str | None = None,
    wandb_dir: str | None = None,
    unrecorded: Unrecorded | None = None,
) -> list[tuple[str, str]]:
    """Return the lines of the closing card: name and text.

    Args:
        run_dir: The run directory.
        run: The record of the run, whose newest attempt has ended.
        error: The exception that ended the script, in one line.
        wandb_dir: The user's own WANDB_DIR.
        unrecorded: Why the record does not have this ending; None if it does.
    """
    last = run.last
    # The title of the card already says `stopped`.
    lines = [("why", last.outcome.reason.removeprefix("stopped ") if last.outcome else "unknown")]
    if unrecorded:
        lines.append(("record", f"not written: {unrecorded.why}; the run reads as {unrecorded.reads_as.value}"))
    if last.ended_at:
        lines.append(("duration", duration((last.ended_at - last.started_at).total_seconds())))
    try:
        lines += _of_files(run_dir, run, wandb_dir)
    except OSError as failure:
        lines.append(("files", f"can't be read: {failure.strerror}"))
    hint = hint_for(error or "") or _missing_package(RunLayout(run_dir).attempt(last.number), error or "")
    if hint:
        lines.append(("hint", hint))
    lines.append(("next", Suggestions(run_dir).info() if unrecorded else _next(run_dir, run)))
    return [(name, visible(text)) for name, text in lines]


def _of_files(run_dir: Path, run: Run, wandb_dir: str | None) -> list[tuple[str, str]]:
    found = checkpoints.find(run_dir)
    newest = checkpoints.newest_complete(found).chosen
    text = f", newest {os.path.relpath(newest.path, run_dir)}" if newest else ", none complete" if found else ""
    lines = [("checkpoints", f"{len(found) or 'none'}{text}"), ("log", shown(run_dir / run.last.log))]
    elsewhere = outside(RunLayout(run_dir).attempt(run.last.number))
    if elsewhere:
        lines.insert(1, ("outside", elsewhere))
    wandb = wandb_line(run_dir, run.wandb_id or run.run_id, wandb_dir)
    if wandb:
        lines.append(("wandb", wandb))
    return lines


def _missing_package(attempt: AttemptLayout, error: str) -> str | None:
    """Return how to install a package of the extra ``train`` that the interpreter of the script lacks."""
    module = next((one for one in _TRAIN if f"No module named '{one}'" in error), None)
    recorded = command_record.read(attempt) if module else None
    if module is None or recorded is None or recorded.python is None:
        return None
    return f"the interpreter {recorded.python} lacks it: {shell(install_command(recorded.python, module))}"


def _next(run_dir: Path, run: Run) -> str:
    suggest = Suggestions(run_dir)
    if run.state is State.COMPLETED:
        return suggest.start_another() or suggest.info()
    if checkpoints.newest_complete(checkpoints.find(run_dir)).chosen is None:
        return f"{suggest.start_over()}   (no checkpoint to resume from)"
    command, advice = suggest.resume_from_checkpoint()
    return f"{command}   ({advice})" if advice else command
