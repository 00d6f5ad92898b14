"""The result of one check (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tsdia_run.errors import ConfigError, TsdiaRunError
from tsdia_run.text import shell

if TYPE_CHECKING:
    from tsdia_run.doctor.situation import Situation


class Grade(Enum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        name: What was checked.
        grade: How bad it is.
        found: The facts, as text for users.
        fix: The commands that fix it or help to, one a line, the best first; each works when pasted.
        error: The error that a start would end with; its message replaces ``found``, and its hint, if any, ``fix``.
    """

    name: str
    grade: Grade
    found: str = ""
    fix: str = ""
    error: TsdiaRunError | None = None


Check = Callable[["Situation"], Iterator[Finding]]


def fine(name: str, found: str) -> Finding:
    """Return a finding without a problem."""
    return Finding(name, Grade.OK, found)


def warning(name: str, found: str, fix: str) -> Finding:
    """Return a finding that may be a problem."""
    return Finding(name, Grade.WARNING, found, fix)


def fault(name: str, found: str, fix: str) -> Finding:
    """Return a finding that makes a start fail."""
    return Finding(name, Grade.ERROR, found, fix)


def refused(name: str, error: TsdiaRunError) -> Finding:
    """Return the finding for an error that a start would end with."""
    place = error.place if isinstance(error, ConfigError) else None
    edit = f"${{EDITOR:-vi}} +{place.line} {shell([place.source])}" if place else ""
    return Finding(name, Grade.ERROR, fix=edit, error=error)
