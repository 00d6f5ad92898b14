"""Pass the checkpoint of a resume to the script: by a config key, an argument or its environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tsdia_run import config
from tsdia_run.config import Document, Edited, keys
from tsdia_run.errors.resuming import CheckpointNotPassed
from tsdia_run.files.fields import beginning_of
from tsdia_run.launch.attempt_request import Request
from tsdia_run.launch.script_settings import checkpoint_key
from tsdia_run.rundir import env
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.text import shown


def tells_checkpoint(request: Request, templates: Sequence[str], *, reads_config: bool) -> bool:
    """Return whether the script receives the checkpoint on a resume, or is known to find it itself.

    Args:
        request: The attempt.
        templates: The script's arguments with placeholders.
        reads_config: Whether the script receives the config.
    """
    document = request.document if reads_config else None
    return (
        (document is not None and checkpoint_key(document, request.settings) is not None)
        or request.settings.resume_args is not None
        or any("{checkpoint" in template for template in templates)
        or RunLayout(request.run_dir).helper.exists()
        or env.CHECKPOINT in beginning_of(_script(request))
    )


def not_passed(request: Request, checkpoint: Path) -> CheckpointNotPassed:
    """Return the error for a resume whose script would not receive the checkpoint."""
    return CheckpointNotPassed(
        f"the script does not receive the checkpoint to resume from ({shown(checkpoint)})",
        request.run_dir,
        _script(request),
        has_config=request.document is not None,
    )


def config_edits(request: Request, document: Document, *, reads_config: bool) -> list[config.Set | config.Remove]:
    """Return the changes of a resume to the config."""
    if request.checkpoint is None:
        return []
    others = [config.Set(name, value) for name, value in request.settings.resume_set.items()]
    key = checkpoint_key(document, request.settings) if reads_config else None
    if key is None:
        return [*others]
    restored = [config.Set(name, True) for name in _restored(request)]
    # A script with such a key finds its newest checkpoint itself.
    value = True if keys.is_switch(document, key) else str(request.checkpoint)
    return [config.Set(key, value), *restored, *others]


def restore_notes(request: Request, edited: Edited | None) -> tuple[str, ...]:
    """Return notes about keys that were set so that a resume of the same run restores its complete state."""
    changed = {change.key for change in edited.changes} if edited else set()
    names = [f"`{name}`" for name in _restored(request) if name in changed]
    return (f"resuming the same run: set {', '.join(names)} to true in the script's config",) if names else ()


def _script(request: Request) -> Path:
    return request.cwd / os.path.expanduser(request.settings.entrypoint)


def _restored(request: Request) -> list[str]:
    """Return the restore keys of TS-DIA's Trainer that are false although the run resumes its own checkpoint."""
    document, checkpoint = request.document, request.checkpoint
    if document is None or checkpoint is None or request.run_dir not in checkpoint.parents:
        return []
    overrides = () if request.is_restart else request.overrides
    chosen = {assignment.partition("=")[0].strip() for assignment in overrides}
    key = keys.resume_key(document, request.settings.resume_key)
    known = [name for name in keys.restore_keys(document, key) if name not in chosen]
    return [name for name in known if (value := document.find(name)) and value.plain is False]
