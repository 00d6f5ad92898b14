"""Runs that are not found, and what does not select any."""

from __future__ import annotations

from pathlib import Path

from tsdia_run.errors.base import NotFoundError, UsageError


class NotAMoment(UsageError):
    """A text that says neither how long ago nor a date."""

    def __init__(self, text: str) -> None:
        super().__init__(f"neither how long ago nor a date: {text!r}")
        self.text = text


class UnknownState(UsageError):
    """There is no such state of a run; the hint names those that there are."""


class NoSuchRun(NotFoundError):
    """No run is called so.

    Attributes:
        looked_in: Where it was looked for, as shown to people.
    """

    def __init__(self, message: str, looked_in: tuple[str, ...]) -> None:
        super().__init__(message)
        self.looked_in = looked_in


class FolderIsNoRun(NotFoundError):
    """A folder was named that is no run; there may be runs in it."""

    def __init__(self, folder: str) -> None:
        super().__init__(f"{folder} is no run")
        self.folder = folder


class NoSuchFolder(NotFoundError):
    """A folder to look for runs in does not exist."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"there is no folder {folder}")
        self.folder = folder
