"""What a new relay must know about the log to continue it (pure)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LONGEST_NOTES = 4
_LONGEST_WHY = 100


class LogMark:
    """The state of the log at one moment.

    Whatever the live file has beyond ``size`` was written after that moment; its length tells how much it is.

    Args:
        done: How much of the text of this generation was written or dropped.
        part: The number that the live file gets when it is rotated.
        file: Device and inode of the live file; None if it could not be opened.
        size: The size of the live file.
        dropped: How many bytes were dropped and not reported yet.
        why: The reason.
        notes: Other reports that are not in the log yet.
        is_telling: Whether what follows in the live file is a report, not text.
    """

    def __init__(
        self,
        *,
        done: int = 0,
        part: int = 0,
        file: tuple[int, int] | None = None,
        size: int = 0,
        dropped: int = 0,
        why: str = "",
        notes: tuple[str, ...] = (),
        is_telling: bool = False,
    ) -> None:
        self.done = done
        self.part = part
        self.file = file
        self.size = size
        self.dropped = dropped
        self.why = why
        self.notes = notes
        self.is_telling = is_telling

    def fields(self) -> dict[str, object]:
        """Return it as a JSON object."""
        why, notes = self.why[:_LONGEST_WHY], self.notes[-_LONGEST_NOTES:]
        return {**vars(self), "why": why, "notes": notes}

    @classmethod
    def of(cls, fields: dict[str, Any]) -> LogMark:
        """Return the mark of a JSON object."""
        file = fields["file"]
        return cls(**{**fields, "file": None if file is None else (file[0], file[1]), "notes": tuple(fields["notes"])})
