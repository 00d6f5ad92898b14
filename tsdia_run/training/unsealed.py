"""What this process has saved, as far as Accelerate knows, and could not seal."""

from __future__ import annotations

from pathlib import Path


class Directories:
    """A set of directories, known again when they were renamed, or by a link."""

    def __init__(self) -> None:
        self._found: set[tuple[int, int]] = set()

    def __contains__(self, directory: Path) -> bool:
        return _identity(directory) in self._found

    def add(self, directory: Path) -> None:
        """From now on it is one of them."""
        self._found.add(_identity(directory))

    def discard(self, directory: Path) -> None:
        """It is none of them any more."""
        self._found.discard(_identity(directory))


def _identity(directory: Path) -> tuple[int, int]:
    found = directory.stat()
    return found.st_dev, found.st_ino


UNSEALED = Directories()
