"""What this process has saved, as far as Accelerate knows, and could not seal.

A directory is known again when it was renamed, or by a link.
"""

from __future__ import annotations

from pathlib import Path

from tsdia_run.training.boot.rank_state import RANK


def is_unsealed(directory: Path) -> bool:
    """Whether it is one of them."""
    return _identity(directory) in RANK.unsealed


def add(directory: Path) -> None:
    """From now on it is one of them."""
    RANK.unsealed.add(_identity(directory))


def discard(directory: Path) -> None:
    """It is none of them any more."""
    RANK.unsealed.discard(_identity(directory))


def _identity(directory: Path) -> tuple[int, int]:
    found = directory.stat()
    return found.st_dev, found.st_ino
