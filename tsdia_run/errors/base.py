"""The kinds of errors, each with its exit code: what a caller may catch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


class TsdiaRunError(Exception):
    """Base of all errors that are shown to the user as text and an exit code, never as a traceback.

    Attributes:
        message: What happened and where.
        hint: What to change in a file or on the machine; may be empty.
        exit_code: The exit code of the command that ends with this error.
    """

    exit_code: ClassVar[int] = os.EX_SOFTWARE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TsdiaRunError):
    """The command line asks for things that don't go together."""

    exit_code = 2


@dataclass(frozen=True)
class SourcePosition:
    """A position in a text file, for error messages.

    Attributes:
        source: The file as the user named it.
        line: Line number, from 1.
        column: Column number in characters, from 1.
        text: The line itself, without its end.
    """

    source: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}"

    def pointer(self) -> str:
        """The line with a caret under the column, cut to what a terminal shows."""
        start = max(0, self.column - 60)
        shown = self.text[start : start + 100]
        # A tab keeps its width so that the caret stands where the eye looks.
        lead = "".join("\t" if char == "\t" else " " for char in shown[: self.column - 1 - start])
        return f"    {shown}\n    {lead}^"


class ConfigError(TsdiaRunError):
    """The config file, a setting in it, or what it asks to launch can't be used."""

    exit_code = os.EX_CONFIG

    def __init__(self, message: str, *, place: SourcePosition | None = None, hint: str = "") -> None:
        super().__init__(f"{place}: {message}\n{place.pointer()}" if place else message, hint=hint)
        self.place = place


class NotFoundError(TsdiaRunError):
    """Something that the user named does not exist."""

    exit_code = os.EX_NOINPUT


class DamagedRunError(TsdiaRunError):
    """A run directory exists, but what it records can't be used."""

    exit_code = os.EX_DATAERR


class UnusableCheckpointError(DamagedRunError):
    """A checkpoint is incomplete or damaged; nothing of it was loaded."""


class UnrecognisedCheckpointsError(DamagedRunError):
    """The script saved files that may be checkpoints; starting from the beginning might overwrite them."""


class CheckpointNotReadError(TsdiaRunError):
    """The script did not read the checkpoint that it resumes from, and a save would have overwritten one."""

    exit_code = os.EX_DATAERR


class RunDirectoryError(TsdiaRunError):
    """The run directory can't be created or claimed; nothing was changed."""

    exit_code = os.EX_CANTCREAT


class CheckpointDirectoryExistsError(RunDirectoryError):
    """The run directory holds something already, and starting would overwrite it."""


class RunAliveError(TsdiaRunError):
    """A live run holds the directory; nothing was changed.

    Attributes:
        wanted: The run directory that a new run was refused; None where the run itself was meant.
    """

    exit_code = os.EX_TEMPFAIL
    wanted: Path | None = None
