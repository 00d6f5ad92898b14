"""Errors about runs that are not found, and about invalid filters."""

from __future__ import annotations

from pathlib import Path

from tsdia_run.errors.base import AmbiguousNameError, NotFoundError, UsageError


class InvalidTime(UsageError):
    """A time that is neither a duration nor a date."""

    def __init__(self, text: str) -> None:
        super().__init__(f"neither a duration nor a date: {text!r}")
        self.text = text


class InvalidCondition(UsageError):
    """A condition on metrics or values that can't be parsed."""

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(f"{text!r} is not a condition: {problem}")


class UnknownState(UsageError):
    """An unknown run state; the hint lists the valid ones."""


class NoSuchRun(NotFoundError):
    """No run has the given name.

    Attributes:
        looked_in: The searched directories, as shown to users.
    """

    def __init__(self, message: str, looked_in: tuple[str, ...]) -> None:
        super().__init__(message)
        self.looked_in = looked_in


class AmbiguousRun(AmbiguousNameError):
    """Several runs match a name.

    Attributes:
        word: The name.
        run_dirs: The runs.
    """

    def __init__(self, word: str, run_dirs: tuple[Path, ...]) -> None:
        super().__init__(f"{word!r} matches {len(run_dirs)} runs")
        self.word, self.run_dirs = word, run_dirs


class UnclearRun(NotFoundError):
    """The word does not name a run of this project exactly, and the command would change the run.

    Attributes:
        word: The word.
        run_dirs: The runs that the user may have meant.
    """

    def __init__(self, message: str, word: str, run_dirs: tuple[Path, ...]) -> None:
        super().__init__(message)
        self.word, self.run_dirs = word, run_dirs


class FolderIsNotRun(NotFoundError):
    """The given folder is not a run; it may contain runs."""

    def __init__(self, folder: str) -> None:
        super().__init__(f"{folder} is not a run")
        self.folder = folder


class NoSuchFolder(NotFoundError):
    """A folder to search for runs does not exist."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"folder not found: {folder}")
        self.folder = folder
