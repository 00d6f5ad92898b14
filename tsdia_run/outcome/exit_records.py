"""Read exit-rankN.json, the record that a rank writes about its own ending.

The file may be incomplete, since the rank may be killed while it writes. ``training/`` writes the file and documents
its keys.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tsdia_run.files.fields import Fields, read_object
from tsdia_run.files.opening import names_in
from tsdia_run.rundir.layout import AttemptLayout
from tsdia_run.text import visible

# A rank could write gigabytes.
_MAX_BYTES = 1024 * 1024
_MAX_ERROR_CHARACTERS = 300
_MAX_EXIT_CODE = 255
_MAX_RANK_DIGITS = 6


@dataclass(frozen=True)
class ScriptError:
    """An exception that ended a script.

    Attributes:
        kind: Its type, as Python prints it.
        message: Its message, in one line.
        where: The innermost line of the user's own code, ``file.py:12``; None if no line of it was involved.
    """

    kind: str
    message: str
    where: str | None

    def __str__(self) -> str:
        text = f"{self.kind}: {self.message}" if self.message else self.kind
        return text[:_MAX_ERROR_CHARACTERS] + (f" ({self.where})" if self.where else "")


@dataclass(frozen=True)
class ExitRecord:
    """How a rank ended; all fields are None if the rank left no record.

    Attributes:
        exit_code: Its exit code, 0 to 255.
        ended_at: When the rank ended.
        step: The last step that the script reported.
        error: The exception that ended the rank.
    """

    exit_code: int | None = None
    ended_at: datetime | None = None
    step: int | None = None
    error: ScriptError | None = None


@dataclass(frozen=True)
class ExitSummary:
    """The exit record of a rank, as texts.

    Attributes:
        error: Its exception in one line: type, message and the line of the user's own code; None without an exception.
        kind: The exception's type, as Python prints it.
        step: The last step that the script reported.
        refusal: Why a save was refused, in one sentence; None if no save was refused.
    """

    error: str | None = None
    kind: str | None = None
    step: int | None = None
    refusal: str | None = None


def read(attempt: AttemptLayout, rank: int) -> ExitRecord:
    """Return the exit record of a rank, as far as the file can be read."""
    fields = Fields(read_object(attempt.exit_record(rank), _MAX_BYTES), "the exit record")
    code, exception = fields.lenient("exit_code", int), fields.lenient("exception", dict)
    return ExitRecord(
        exit_code=code if code is not None and 0 <= code <= _MAX_EXIT_CODE else None,
        ended_at=fields.lenient_time("ended_at"),
        step=fields.lenient("step", int),
        error=None if exception is None else _error(exception),
    )


def read_all(attempt: AttemptLayout) -> dict[int, ExitRecord]:
    """Return the exit records that have an exit code, by rank."""
    found = {rank: read(attempt, rank) for rank in ranks_with(attempt, attempt.exit_record)}
    return {rank: end for rank, end in found.items() if end.exit_code is not None}


def ranks_with(attempt: AttemptLayout, path_of: Callable[[int], Path]) -> set[int]:
    """Return the ranks that have a file."""
    before, _, behind = path_of(0).name.partition("0")
    files = (name for name in names_in(attempt.root) if name.startswith(before) and name.endswith(behind))
    names = [name.removeprefix(before).removesuffix(behind) for name in files]
    return {int(name) for name in names if name.isdecimal() and len(name) <= _MAX_RANK_DIGITS}


def _error(exception: dict[str, object]) -> ScriptError:
    at = exception.get("at")
    return ScriptError(
        kind=visible(str(exception.get("type"))),
        message=visible(" ".join(str(exception.get("message") or "").split())),
        where=visible(f"{os.path.basename(str(at.get('file')))}:{at.get('line')}") if isinstance(at, dict) else None,
    )


def exit_summary(attempt: AttemptLayout, rank: int) -> ExitSummary:
    """Return the exit record of a rank as texts; all fields are None if the rank left no record."""
    found = read(attempt, rank)
    if found.error is None:
        return ExitSummary(step=found.step)
    return ExitSummary(str(found.error), found.error.kind, found.step)
