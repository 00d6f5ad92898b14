"""What an attempt would do, for `--dry-run`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tsdia_run.checkpoints import Verdict
from tsdia_run.config import KeyChange
from tsdia_run.errors.launching import SectionReplaced
from tsdia_run.files.redaction import REDACTED, Redactor
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
        notes: Notes for the user.
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
    notes: tuple[str, ...]
    warnings: tuple[str | SectionReplaced, ...]
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
    settings = plan.request.settings
    redactor = Redactor.from_environment({**plan.request.environ, **plan.command.environment}, settings.notify.secrets)
    return Preview(
        run_dir=plan.request.run_dir,
        number=plan.request.number,
        argv=tuple(redactor.argv(plan.command.argv)),
        cwd=plan.request.cwd,
        python=(plan.interpreter.path, plan.interpreter.origin),
        launcher=plan.command.how,
        environment=redactor.environment(plan.command.environment),
        checkpoint=plan.request.checkpoint,
        config_edits=None if edited is None else tuple(_edit(edit, redactor) for edit in edited.changes),
        moves_aside=moves_aside,
        notes=plan.notes,
        warnings=plan.warnings,
        settings=_without_secrets(settings, redactor),
        skipped=tuple((one.path, one.reason) for one in skipped),
        changes=tuple((one.kind.value, one.text, one.needs_consent) for one in changes),
    )


def _edit(edit: KeyChange, redactor: Redactor) -> tuple[str, str | None, str | None]:
    def shown(value: str | None) -> str | None:
        return None if value is None else redactor.argv([f"{edit.key}={value}"])[0].partition("=")[2]

    return edit.key, shown(edit.old), shown(edit.new)


def _without_secrets(settings: Settings, redactor: Redactor) -> Settings:
    resume_args = None if settings.resume_args is None else tuple(redactor.argv(settings.resume_args))
    env = redactor.environment(dict(settings.env))
    notify = replace(
        settings.notify,
        webhook=settings.notify.webhook and REDACTED,
        command=tuple(redactor.argv(settings.notify.command)),
    )
    args = tuple(redactor.argv(settings.args))
    return replace(settings, args=args, resume_args=resume_args, env=env, notify=notify)
