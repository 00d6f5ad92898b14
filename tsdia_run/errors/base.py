"""The base classes of errors, each with its exit code; callers may catch these."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

_PATH_OF_URL = re.compile(r"(?<=://)[^\s\"'<>]*[/?][^\s\"'<>]*")


class TsdiaRunError(Exception):
    """Base class of errors that the user sees as text and an exit code, never as a traceback.

    Attributes:
        message: What happened and where.
        hint: What to change in a file or on the machine; can be empty.
        exit_code: The exit code of the command that ends with this error.
    """

    exit_code: ClassVar[int] = os.EX_SOFTWARE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TsdiaRunError):
    """The command line is invalid or contradicts itself."""

    exit_code = 2


@dataclass(frozen=True)
class SourcePosition:
    """A position in a text file, for error messages.

    Attributes:
        source: The file as the user named it.
        line: Line number, from 1.
        column: Column number in characters, from 1.
        text: The text of the line, without the newline.
    """

    source: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}"

    def pointer(self) -> str:
        """Return the line with a caret under the column, truncated to the width of a terminal.

        The path of a URL is replaced by as many asterisks: it may be a secret.
        """
        if not self.text:  # it may have a secret
            return ""
        start = max(0, self.column - 60)
        shown = _PATH_OF_URL.sub(lambda match: "*" * len(match.group()), self.text)[start : start + 100]
        # Tabs are kept, so that the caret is under the right character.
        lead = "".join("\t" if char == "\t" else " " for char in shown[: self.column - 1 - start])
        return f"    {shown}\n    {lead}^"


class ConfigError(TsdiaRunError):
    """The config file, a setting in it, or the launch that it requests can't be used."""

    exit_code = os.EX_CONFIG

    def __init__(self, message: str, *, place: SourcePosition | None = None, hint: str = "") -> None:
        super().__init__(f"{place}: {message}\n{place.pointer()}".rstrip("\n") if place else message, hint=hint)
        self.place = place


class NotFoundError(TsdiaRunError):
    """A file, directory or run that the user named does not exist."""

    exit_code = os.EX_NOINPUT


class AmbiguousNameError(TsdiaRunError):
    """A name matches several runs."""

    exit_code = os.EX_DATAERR


class DamagedRunError(TsdiaRunError):
    """A run directory exists, but its record or checkpoint can't be used."""

    exit_code = os.EX_DATAERR


class UnusableCheckpointError(DamagedRunError):
    """A checkpoint is damaged or incomplete; nothing was loaded from it."""


class UnrecognisedCheckpointsError(DamagedRunError):
    """The script saved files that may be checkpoints; starting from the beginning might overwrite them."""


class CheckpointNotReadError(TsdiaRunError):
    """The script did not read the checkpoint that it resumes from, and a save would have overwritten a checkpoint."""

    exit_code = os.EX_DATAERR


class RunDirectoryError(TsdiaRunError):
    """The run directory can't be created or claimed; tsdia-run changed nothing."""

    exit_code = os.EX_CANTCREAT


class CheckpointDirectoryExistsError(RunDirectoryError):
    """The run directory is not empty, and a start would overwrite its contents."""


class EndingNotRecordedError(TsdiaRunError):
    """The script completed, but its run's record could not be written.

    Attributes:
        run_dir: The run directory.
        reads_as: The state that the next command finds.
    """

    exit_code = os.EX_IOERR

    def __init__(self, run_dir: Path, why: str, reads_as: str) -> None:
        super().__init__(f"the script completed, but that could not be recorded in {run_dir}: {why}")
        self.run_dir, self.reads_as = run_dir, reads_as


class RunAliveError(TsdiaRunError):
    """A running run owns the directory; tsdia-run changed nothing.

    Attributes:
        refused_dir: The run directory that a new run could not use; None if the user named the run itself.
    """

    exit_code = os.EX_TEMPFAIL
    refused_dir: Path | None = None
