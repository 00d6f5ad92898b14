"""Run directories, complete logs, exit reasons and resumes for HuggingFace Accelerate training scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsdia_run.errors import CheckpointDirectoryExistsError, TsdiaRunError
    from tsdia_run.training.api.current_run import CurrentRun, current_run

__all__ = ["CheckpointDirectoryExistsError", "CurrentRun", "TsdiaRunError", "__version__", "current_run"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Load what a script uses, and nothing before: the command's own imports start after its first line."""
    if name in ("CheckpointDirectoryExistsError", "TsdiaRunError"):
        from tsdia_run import errors

        return getattr(errors, name)
    if name in ("CurrentRun", "current_run"):
        from tsdia_run.training.api import current_run

        return getattr(current_run, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
