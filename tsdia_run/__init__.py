"""Run directories, complete logs, true endings and resumes for HuggingFace Accelerate training scripts."""

from tsdia_run.errors import CheckpointDirectoryExistsError, TsdiaRunError

__all__ = ["CheckpointDirectoryExistsError", "TsdiaRunError", "__version__"]

__version__ = "0.1.0"
