"""Find the attempt of this process in the environment that the supervisor set, and write its files.

This module is loaded by path inside the user's training. So it imports only modules that Python has already loaded, and
it must not fail, delay or change that training.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time

from tsdia_run.training.boot.repeated_names import (
    ALIVE_FD,
    ALIVE_FILE,
    ATTEMPT,
    ATTEMPTS_DIR,
    EXIT_RECORD_FILE,
    RUN_DIR,
    STACKS_FILE,
)

TYPE_CHECKING = False  # importing typing or collections would delay each start by milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping

# Makes a rank write the stacks of all its threads to a file of the attempt; a real-time signal of Linux.
STACKS_SIGNAL = 40

# For files in the run directory: never wait for the other end of a FIFO, and follow no planted symlink.
SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_TRIES = 20
_BETWEEN_TRIES_S = 0.005


def attempt_directory(environ: Mapping[str, str]) -> str | None:
    """Return ``RUN_DIR/attempts/N`` of this process; None outside a run."""
    run_dir, number = environ.get(RUN_DIR), environ.get(ATTEMPT, "")
    return os.path.join(run_dir, ATTEMPTS_DIR, number) if run_dir and number.isdecimal() else None


def exit_record_name(rank: int) -> str:
    """Return the file name of a rank's exit record."""
    return EXIT_RECORD_FILE.format(rank)


def stacks_name(rank: int) -> str:
    """Return the name of the file that a rank writes its stacks to."""
    return STACKS_FILE.format(rank)


def hold_alive(environ: Mapping[str, str]) -> int | None:
    """Take the shared lock that shows that a rank is running; this process and its forks keep it until they end.

    Returns:
        The descriptor that holds the lock; None outside a run, or if the lock can't be taken.
    """
    run_dir = environ.get(RUN_DIR)
    if not run_dir:
        return None
    try:
        # Programs that the script starts don't inherit the descriptor.
        fd = os.open(os.path.join(run_dir, ALIVE_FILE), os.O_RDONLY | SAFE)
    except OSError:
        return None
    before = _handed_over(fd)
    for _ in range(_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if before is not None:
                os.close(before)
            return fd
        except BlockingIOError:
            # Another process is checking whether the run is running, by trying the exclusive lock.
            time.sleep(_BETWEEN_TRIES_S)
        except OSError:
            break
    os.close(fd)
    return None


def _handed_over(fd: int) -> int | None:
    """Return the descriptor that held the lock before this process replaced itself; None if it did not."""
    number = os.environ.pop(ALIVE_FD, "")
    try:
        before = int(number)
        if before == fd or not os.path.sameopenfile(before, fd):
            return None
        os.set_inheritable(before, False)
        return before
    except (OSError, ValueError):
        return None


def visible(text: str) -> str:
    """Return a text as one printable line: a copy of ``text.visible``; a test compares the two."""
    if text.isprintable():
        return text
    import re

    text = re.sub(
        r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])"
        r"[^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)",
        "",
        text,
    )
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def _clean(value: object) -> object:
    """Return a record with only printable strings; line breaks are kept."""
    if isinstance(value, str):
        return "\n".join(map(visible, value.split("\n")))
    if isinstance(value, dict):
        return {name: _clean(inner) for name, inner in value.items()}
    return [_clean(inner) for inner in value] if isinstance(value, list) else value


def write_record(directory: str, name: str, record: Mapping[str, object]) -> str | None:
    """Write a record atomically as JSON with printable strings.

    Returns:
        A warning for the user if that fails.
    """
    try:
        import json

        path, temporary = os.path.join(directory, name), os.path.join(directory, f".{name}.{os.getpid()}")
        try:
            if os.path.lexists(temporary):  # of a killed process with the same id, or a planted symlink
                os.unlink(temporary)
            with open(temporary, "x", encoding="utf-8") as file:
                json.dump(_clean(record), file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            if os.path.lexists(temporary):
                os.unlink(temporary)
            raise
    except Exception as error:  # a failure here must not change how the training ends
        return f"warning: could not write {name}: {error}"
    return None


def say(message: str) -> None:
    """Print a message of tsdia-run to stderr, if stderr exists."""
    try:
        sys.stderr.write(f"tsdia-run: {_clean(message)}\n")
        sys.stderr.flush()
    except Exception:  # stderr is closed, removed, or replaced by an object of the script
        return
