"""The checkpoints that Accelerate has saved in this process and that tsdia-run could not seal.

They are recognized after a rename and through a link.
"""

from __future__ import annotations

from pathlib import Path

from tsdia_run.training.boot.rank_state import RANK


def is_unsealed(directory: Path) -> bool:
    """Return whether a directory is an unsealed checkpoint."""
    return _identity(directory) in RANK.unsealed


def add(directory: Path) -> None:
    """Add a directory."""
    RANK.unsealed.add(_identity(directory))


def discard(directory: Path) -> None:
    """Remove a directory."""
    RANK.unsealed.discard(_identity(directory))


def _identity(directory: Path) -> tuple[int, int]:
    found = directory.stat()
    return found.st_dev, found.st_ino
