"""The keys of the run directory and the checkpoint in configs with TS-DIA's structure (pure)."""

from __future__ import annotations

from collections.abc import Iterable

from tsdia_run.config.document import Document

RUN_DIR_KEYS = ("training.checkpoint.save_dir", "checkpoint.save_dir")
RESUME_KEYS = ("training.checkpoint.resume", "checkpoint.resume")
CHECKPOINT_SECTIONS = ("training.checkpoint", "checkpoint")
# TS-DIA's fine-tuning configs set them to false, to start a new training from the weights of another run.
_RESTORE_NAMES = ("resume_restore_optimizer", "resume_restore_scheduler", "resume_restore_trainer_state")


def key_in(document: Document, configured: str | None, usual: tuple[str, ...]) -> str | None:
    """Return the configured key, or else the first usual key that the config has."""
    return configured or next((key for key in usual if document.find(key) is not None), None)


def restore_keys(document: Document, resume_key: str | None) -> list[str]:
    """Return the keys of the config, next to the resume key or its usual place, that select what a resume restores."""
    sections = (resume_key.rpartition(".")[0],) if resume_key else CHECKPOINT_SECTIONS
    names = [f"{section}.{name}" if section else name for section in sections for name in _RESTORE_NAMES]
    return [name for name in names if document.find(name) is not None]


def keys_set_at_start(
    document: Document, run_dir_key: str | None, resume_key: str | None, resume_set: Iterable[str]
) -> list[str]:
    """Return the keys that tsdia-run sets in a start or a resume.

    Args:
        document: The config.
        run_dir_key: The setting ``run_dir_key``.
        resume_key: The setting ``resume_key``.
        resume_set: The keys of the setting ``resume_set``.
    """
    found = key_in(document, resume_key, RESUME_KEYS)
    usual = (
        key_in(document, run_dir_key, RUN_DIR_KEYS),
        *((found,) if found else RESUME_KEYS),
        *restore_keys(document, found),
    )
    return [key for key in (*usual, *resume_set) if key]
