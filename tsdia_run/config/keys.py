"""The keys of the run directory and the checkpoint in configs: those of TS-DIA, and other usual ones (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tsdia_run.config.document import Document
from tsdia_run.config.usual_names import RESUME_NAMES, RUN_DIR_NAMES, SECTIONS

RUN_DIR_KEYS = ("training.checkpoint.save_dir", "checkpoint.save_dir")
RESUME_KEYS = ("training.checkpoint.resume", "checkpoint.resume")
CHECKPOINT_SECTIONS = ("training.checkpoint", "checkpoint")
# TS-DIA's fine-tuning configs set them to false, to start a new training from the weights of another run.
_RESTORE_NAMES = ("resume_restore_optimizer", "resume_restore_scheduler", "resume_restore_trainer_state")


# With a value of true or false, these only turn a resume on.
_SWITCH_NAMES = ("resume", "resume_training", "auto_resume")


def key_in(document: Document, configured: str | None, usual: tuple[str, ...]) -> str | None:
    """Return the configured key, or else the first usual key that the config has."""
    return configured or next((key for key in usual if document.find(key) is not None), None)


def run_dir_key(document: Document, configured: str | None) -> str | None:
    """Return the config key of the run directory; None if the config has none.

    Args:
        document: The config.
        configured: The setting ``run_dir_key``.
    """
    return key_in(document, configured, RUN_DIR_KEYS) or _usual(document, RUN_DIR_NAMES)


def resume_key(document: Document, configured: str | None) -> str | None:
    """Return the config key of the checkpoint to resume from; None if the config has none.

    Args:
        document: The config.
        configured: The setting ``resume_key``.
    """
    return key_in(document, configured, RESUME_KEYS) or _usual(document, RESUME_NAMES)


def is_usual(key: str | None, configured: str | None) -> bool:
    """Return whether a run-directory key was only recognised by its usual name."""
    return key is not None and key != configured and key not in RUN_DIR_KEYS


def is_switch(document: Document, key: str) -> bool:
    """Return whether a key turns a resume on, and the script finds its checkpoint itself: `resume: false`."""
    value = document.find(key)
    is_named_so = key.rpartition(".")[2] in _SWITCH_NAMES
    return is_named_so and value is not None and isinstance(value.plain, bool)


def _usual(document: Document, names: tuple[str, ...]) -> str | None:
    """Return the first key with a usual name and a usual value: a string, or none yet."""
    data = document.plain()
    for name in names:
        for section in SECTIONS:
            values = data.get(section) if section else data
            if isinstance(values, Mapping) and name in values and _is_usual_value(name, values[name]):
                return f"{section}.{name}" if section else name
    return None


def _is_usual_value(name: str, value: object) -> bool:
    return value is None or isinstance(value, str) or (isinstance(value, bool) and "resume" in name)


def restore_keys(document: Document, resume_key: str | None) -> list[str]:
    """Return the keys of the config, next to the resume key or its usual place, that select what a resume restores."""
    sections = (resume_key.rpartition(".")[0],) if resume_key else CHECKPOINT_SECTIONS
    names = [f"{section}.{name}" if section else name for section in sections for name in _RESTORE_NAMES]
    return [name for name in names if document.find(name) is not None]


def keys_set_at_start(
    document: Document, directory_setting: str | None, resume_setting: str | None, resume_set: Iterable[str]
) -> list[str]:
    """Return the keys that tsdia-run sets in a start or a resume.

    Args:
        document: The config.
        directory_setting: The setting ``run_dir_key``.
        resume_setting: The setting ``resume_key``.
        resume_set: The keys of the setting ``resume_set``.
    """
    directory, found = run_dir_key(document, directory_setting), resume_key(document, resume_setting)
    usual = (directory, *((found,) if found else RESUME_KEYS), *restore_keys(document, found))
    return [key for key in (*usual, *resume_set) if key]
