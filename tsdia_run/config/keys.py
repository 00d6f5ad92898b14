"""The keys under which configs in the manner of TS-DIA's have their run directory and their checkpoint (pure)."""

from __future__ import annotations

from tsdia_run.config.document import Document

RUN_DIR_KEYS = ("training.checkpoint.save_dir", "checkpoint.save_dir")
RESUME_KEYS = ("training.checkpoint.resume", "checkpoint.resume")
CHECKPOINT_SECTIONS = ("training.checkpoint", "checkpoint")


def key_in(document: Document, configured: str | None, usual: tuple[str, ...]) -> str | None:
    """The config key to use: the configured one, else the first of the usual ones that the config has."""
    return configured or next((key for key in usual if document.find(key) is not None), None)
