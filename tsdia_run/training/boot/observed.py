"""Ask the supervisor whether the checkpoint was read, and write the warnings and refusals of a rank.

``supervise/reads.py`` is the supervisor's side. This module is loaded before the script, so it imports only modules
that Python has already loaded.
"""

from __future__ import annotations

import _thread
import fcntl
import os
import time

from tsdia_run.training.boot.attempt_files import SAFE
from tsdia_run.training.boot.repeated_names import (
    ANSWER_FILE,
    CLAIM_FILE,
    NOTICED_FILE,
    PROTECTED_FILE,
    QUESTION_PREFIX,
    READS_DIR,
    REFUSED_FILE,
    WARNINGS_FILE,
)

TYPE_CHECKING = False  # importing typing or collections would delay each start by milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable

NOT_READ, OTHER, READ, UNKNOWN = "not read", "other", "read", "unknown"

# A busy supervisor answers within a second. The limit counts sleeps, because the machine may be suspended meanwhile.
_POLLS = 2_000
_POLL_S = 0.01


class ObservedReads:
    """The files that a rank and the supervisor of its attempt exchange.

    Args:
        run_dir: The run directory.
        directory: The directory of the attempt, ``attempts/N``.
        say: Prints a line to stderr.
    """

    def __init__(self, run_dir: str, directory: str, say: Callable[[str], None]) -> None:
        self.run_dir, self._directory, self.say = run_dir, directory, say
        self._reads = os.path.join(run_dir, READS_DIR)

    def protected(self) -> list[tuple[str, str]]:
        """Return the entries that the supervisor wrote before the start, as pairs of kind and value."""
        entries = self._content(PROTECTED_FILE).split("\0")[:-1]
        return [(kind, value) for kind, _, value in (entry.partition("=") for entry in entries)]

    def answer(self) -> str:
        """Return ``read``, ``not read``, ``unknown`` or ``other=NAME``; counts all opens until now."""
        if os.path.exists(os.path.join(self._reads, NOTICED_FILE)):
            return READ
        answer = self._content(ANSWER_FILE)
        if answer == NOT_READ or answer.startswith(OTHER):
            answer = self._content(ANSWER_FILE) if self._ask() else UNKNOWN
        return answer or UNKNOWN

    def _ask(self) -> bool:
        """Ask the supervisor to update the answer; False if the supervisor has ended or doesn't answer."""
        if not _is_locked(os.path.join(self.run_dir, CLAIM_FILE)):
            return False
        name = f"{QUESTION_PREFIX}{os.getpid()}-{_thread.get_ident()}"
        if not self.note(name):
            return False
        question = os.path.join(self._reads, name)
        for _ in range(_POLLS):
            if not os.path.exists(question):
                return True
            time.sleep(_POLL_S)
        try:
            os.unlink(question)
        except OSError:
            return True
        return False

    def note(self, name: str) -> bool:
        """Create an empty file for other processes, and return whether it is new."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE
        try:
            os.close(os.open(os.path.join(self._reads, name), flags, 0o644))
        except OSError:
            return False
        return True

    def warn_once(self, kind: str, text: str) -> None:
        """Print a warning and record it, on one rank and once per attempt."""
        if not self.note(f"warned-{kind}"):
            return
        self.say(f"warning: {text}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | SAFE
        _write(os.path.join(self._reads, WARNINGS_FILE), flags, text.encode("utf-8", "replace") + b"\0")

    def refuse(self, text: str) -> None:
        """Write the reason for a refused save; the first reason is kept."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE
        _write(os.path.join(self._directory, REFUSED_FILE), flags, os.fsencode(text) + b"\n")

    def _content(self, name: str) -> str:
        try:
            with open(os.open(os.path.join(self._reads, name), os.O_RDONLY | SAFE), "rb") as file:
                return os.fsdecode(file.read())
        except OSError:
            return ""


def _write(path: str, flags: int, data: bytes) -> None:
    try:
        fd = os.open(path, flags, 0o644)
        try:
            os.write(fd, data)
        finally:
            os.close(fd)
    except OSError:  # the text is also printed, or another rank has written it
        return


def _is_locked(path: str) -> bool:
    """Return whether the supervisor has its lock: True if locks can't be tested, False if the file can't be opened."""
    try:
        fd = os.open(path, os.O_RDONLY | SAFE)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
