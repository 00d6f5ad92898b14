"""What an attempt would be, for those who ask before they start it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.checkpoints import Verdict
from tsdia_run.errors.launching import KeyAdded
from tsdia_run.launch.changes import Change
from tsdia_run.launch.plan import Plan
from tsdia_run.settings import Settings


@dataclass(frozen=True)
class Preview:
    """What an attempt would be.

    Attributes:
        run_dir: The run directory.
        number: The attempt's number.
        argv: The command line.
        cwd: Its working directory.
        python: The interpreter, and how it was found.
        launcher: How the ranks are started, in words.
        environment: The variables that tsdia-run sets.
        checkpoint: What it resumes from.
        config_edits: What is changed in the config for the script: key, old and new value; None without a config.
        moves_aside: Whether something in the run directory would be moved aside first.
        warnings: What the user should know.
        settings: Every setting.
        skipped: Newer checkpoints that can't be used: path and reason.
        changes: What changed since the checkpoint was written: kind, text, and whether it needs consent.
    """

    run_dir: Path
    number: int
    argv: tuple[str, ...]
    cwd: Path
    python: tuple[str, str]
    launcher: str
    environment: Mapping[str, str]
    checkpoint: Path | None
    config_edits: tuple[tuple[str, str | None, str | None], ...] | None
    moves_aside: bool
    warnings: tuple[str | KeyAdded, ...]
    settings: Settings
    skipped: tuple[tuple[Path, str], ...]
    changes: tuple[tuple[str, str, bool], ...]


def preview_of(
    plan: Plan, *, moves_aside: bool = False, skipped: Sequence[Verdict] = (), changes: Sequence[Change] = ()
) -> Preview:
    """The preview of a plan.

    Args:
        plan: What would be started.
        moves_aside: Whether something would be moved aside first.
        skipped: Newer checkpoints that can't be used.
        changes: What changed since the checkpoint was written.
    """
    edited = plan.script_config
    return Preview(
        run_dir=plan.request.run_dir,
        number=plan.request.number,
        argv=tuple(plan.command.argv),
        cwd=plan.request.cwd,
        python=(plan.interpreter.path, plan.interpreter.origin),
        launcher=plan.command.how,
        environment=plan.command.environment,
        checkpoint=plan.request.checkpoint,
        config_edits=None if edited is None else tuple((edit.key, edit.old, edit.new) for edit in edited.changes),
        moves_aside=moves_aside,
        warnings=plan.warnings,
        settings=plan.request.settings,
        skipped=tuple((one.path, one.reason) for one in skipped),
        changes=tuple((one.kind.value, one.text, one.needs_consent) for one in changes),
    )
