"""The keys under which configs in the manner of TS-DIA's have their run directory and their checkpoint (pure)."""

from __future__ import annotations

from tsdia_run.config.document import Document

RUN_DIR_KEYS = ("training.checkpoint.save_dir", "checkpoint.save_dir")
RESUME_KEYS = ("training.checkpoint.resume", "checkpoint.resume")
CHECKPOINT_SECTIONS = ("training.checkpoint", "checkpoint")
# TS-DIA's fine-tuning configs set them to false, to begin anew from the weights of another run.
_RESTORE_NAMES = ("resume_restore_optimizer", "resume_restore_scheduler", "resume_restore_trainer_state")


def key_in(document: Document, configured: str | None, usual: tuple[str, ...]) -> str | None:
    """The config key to use: the configured one, else the first of the usual ones that the config has."""
    return configured or next((key for key in usual if document.find(key) is not None), None)


def restore_keys(document: Document, resume_key: str | None) -> list[str]:
    """The keys of the config, next to the resume key or where one would go, that say what is restored."""
    sections = (resume_key.rpartition(".")[0],) if resume_key else CHECKPOINT_SECTIONS
    names = [f"{section}.{name}" if section else name for section in sections for name in _RESTORE_NAMES]
    return [name for name in names if document.find(name) is not None]
