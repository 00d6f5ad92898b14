"""A row of the table of endings."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from enum import Enum


class How(Enum):
    """What starts the script, as the table shows it."""

    PYTHON = "Python"
    NO_HOOKS = "Python, `--no-hooks`"
    ACCELERATE = "Accelerate"
    MODULE = "`-m`"
    PROGRAM = "a program"


class Needs(Enum):
    """What a row needs besides the command."""

    NOTHING = ""
    CGROUP = "a cgroup with 200 MiB"
    LARGE_CGROUP = "a cgroup with 800 MiB"
    DISK = "a small disk"
    PYTHON_3_11 = "Python 3.11"
    UNMOUNTED = "a disk that the program ./fail unmounts"
    READ_ONLY = "a disk that the program ./fail makes read-only"
    DEAD = "a FUSE mount whose process the program ./fail kills"


@dataclass(frozen=True)
class Row:
    """A cause, and the ending that tsdia-run must report for it.

    Attributes:
        cause: What happens, in a few words.
        script: The text of the script, or of the program.
        exit_code: The exit code of tsdia-run; negative if it dies of a signal.
        reason: The reason in the record, the card and ``info``; ``…`` stands for any text.
        state: The state of the attempt.
        ranks: The number of ranks.
        rank: The rank that the record names.
        how: What starts the script.
        is_stopped: Whether a stop was requested before the end.
        flags: More options of ``new``.
        settings: More lines of the section `tsdia_run` in the config.
        arguments: The script's arguments.
        files: Other files next to the script.
        needs: What else the row needs.
        is_slow: Whether only ``make endings`` runs the row.
    """

    cause: str
    script: str
    exit_code: int
    reason: str
    state: str = "failed"
    ranks: int = 1
    rank: int | None = None
    how: How = How.PYTHON
    is_stopped: bool = False
    flags: tuple[str, ...] = ()
    settings: str = ""
    arguments: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    needs: Needs = Needs.NOTHING
    is_slow: bool = False

    @property
    def name(self) -> str:
        """A name that no other row has."""
        how = "" if self.how is How.PYTHON else f", {self.how.value}"
        return f"{self.cause}, {self.ranks} {'rank' if self.ranks == 1 else 'ranks'}{how}"

    @property
    def is_possible(self) -> bool:
        """Whether this version of Python has what the script uses."""
        return self.needs is not Needs.PYTHON_3_11 or sys.version_info >= (3, 11)

    def has_reason(self, text: str) -> bool:
        """Return whether a text is the expected reason."""
        return re.fullmatch(".*?".join(map(re.escape, self.reason.split("…"))), text, re.DOTALL) is not None
