"""Read exit-rankN.json, the record that a rank writes about its own ending.

The file may be incomplete, since the rank may be killed while it writes. ``training/`` writes the file and documents
its keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tsdia_run.files.fields import Fields, read_object
from tsdia_run.files.opening import names_in
from tsdia_run.outcome.classify import RankEnd
from tsdia_run.outcome.script_error import ScriptError, script_error
from tsdia_run.rundir.layout import AttemptLayout

# A rank could write gigabytes.
_MAX_BYTES = 1024 * 1024
_MAX_EXIT_CODE = 255
_MAX_SIGNAL = 64
_MAX_RANK_DIGITS = 6


@dataclass(frozen=True)
class ExitRecord:
    """How a rank ended; all fields are None if the rank left no record.

    Attributes:
        exit_code: Its exit code, 0 to 255; None if it ended by a signal.
        signal: The signal that Python ended it with, after a KeyboardInterrupt.
        ended_at: When the rank ended.
        step: The last step that the script reported.
        error: The exception that ended the rank.
        is_consequence: Whether the exception says that another rank had ended.
    """

    exit_code: int | None = None
    signal: int | None = None
    ended_at: datetime | None = None
    step: int | None = None
    error: ScriptError | None = None
    is_consequence: bool = False

    @property
    def end(self) -> RankEnd | None:
        """How the rank ended; None if the rank left no record."""
        return None if self.exit_code is None and self.signal is None else RankEnd(self.exit_code, self.signal)

    @property
    def is_failure(self) -> bool:
        """Whether it ended with another exit code than 0, or by a signal."""
        return bool(self.exit_code or self.signal)


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
    number = fields.lenient("signal", int)
    return ExitRecord(
        exit_code=code if code is not None and 0 <= code <= _MAX_EXIT_CODE else None,
        signal=number if number is not None and 0 < number <= _MAX_SIGNAL else None,
        ended_at=fields.lenient_time("ended_at"),
        step=fields.lenient("step", int),
        error=None if exception is None else script_error(exception),
        is_consequence=fields.lenient("is_consequence", bool) is True,
    )


def read_all(attempt: AttemptLayout) -> dict[int, ExitRecord]:
    """Return the exit records that have an exit code or a signal, by rank."""
    found = {rank: read(attempt, rank) for rank in ranks_with(attempt, attempt.exit_record)}
    return {rank: record for rank, record in found.items() if record.end is not None}


def first_failure(records: Mapping[int, ExitRecord]) -> int | None:
    """Return the rank that failed first, other than a rank that failed because another one had ended."""

    def order(rank: int) -> tuple[bool, str, int]:
        record = records[rank]
        return record.is_consequence, record.ended_at.isoformat() if record.ended_at else "~", rank

    return min((rank for rank, record in records.items() if record.is_failure), key=order, default=None)


def ranks_with(attempt: AttemptLayout, path_of: Callable[[int], Path]) -> set[int]:
    """Return the ranks that have a file."""
    before, _, behind = path_of(0).name.partition("0")
    files = (name for name in names_in(attempt.root) if name.startswith(before) and name.endswith(behind))
    names = [name.removeprefix(before).removesuffix(behind) for name in files]
    return {int(name) for name in names if name.isdecimal() and len(name) <= _MAX_RANK_DIGITS}


def started_ranks(attempt: AttemptLayout) -> set[int]:
    """Return the ranks that have started: a rank creates its file for stacks then."""
    return ranks_with(attempt, attempt.stacks) | ranks_with(attempt, attempt.exit_record)


def exit_summary(attempt: AttemptLayout, rank: int) -> ExitSummary:
    """Return the exit record of a rank as texts; all fields are None if the rank left no record."""
    found = read(attempt, rank)
    if found.error is None:
        return ExitSummary(step=found.step)
    return ExitSummary(found.error.text, found.error.kind, found.step)
