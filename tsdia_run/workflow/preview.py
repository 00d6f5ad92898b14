"""What an attempt would do, for `--dry-run`."""

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
    """What an attempt would do.

    Attributes:
        run_dir: The run directory.
        number: The attempt's number.
        argv: The command line.
        cwd: Its working directory.
        python: The interpreter, and why it was chosen.
        launcher: How the ranks are started, as text for users.
        environment: The variables that tsdia-run sets.
        checkpoint: The checkpoint that it resumes from.
        config_edits: The changes in the script's config: key, old and new value; None without a config.
        moves_aside: Whether existing contents of the run directory would be moved to .tsdia-trash first.
        warnings: Warnings for the user.
        settings: All settings.
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
    """Return the preview of a plan.

    Args:
        plan: The attempt to start.
        moves_aside: Whether existing contents would be moved to .tsdia-trash first.
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
