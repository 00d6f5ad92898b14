"""An option of a script, and how to write it on a command line (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Takes(Enum):
    """What an option takes."""

    VALUE = "a value"
    SWITCH = "nothing: the option alone means true"
    BOOLEAN = "true or false"
    NUMBER = "a number"


@dataclass(frozen=True)
class Place:
    """A line of a source.

    Attributes:
        file: The file in messages.
        line: The number of the line, from 1.
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Option:
    """An option of a script.

    Attributes:
        name: Its name in the script, with underscores; dotted in a section.
        spelled: How it is written: ``--out``, ``--out=`` or ``out=`` before its value; empty for a positional argument.
        place: Where the script declares it.
        takes: What it takes.
        choices: The only values that it takes; empty if it takes any.
        default: Its default, if it is a constant.
        is_required: Whether the script refuses to start without it.
        command: The sub-command that it belongs to; empty for all.
        position: The index of a positional argument, from 0; None for other options.
        is_config: Whether its library reads it as a config file, whatever its name is.
    """

    name: str
    spelled: str
    place: Place
    takes: Takes = Takes.VALUE
    choices: tuple[str, ...] = ()
    default: object = None
    is_required: bool = False
    command: str = ""
    position: int | None = None
    is_config: bool = False

    def words(self, value: str) -> tuple[str, ...]:
        """Return the words of a command line that pass a value."""
        if self.takes is Takes.SWITCH:
            return (self.spelled,)
        if self.spelled.endswith("="):
            return (f"{self.spelled}{value}",)
        return (self.spelled, value) if self.spelled else (value,)

    @property
    def key(self) -> str:
        """The last part of the name in lower case."""
        return self.name.rpartition(".")[2].lower()
