"""Find exceptions and crashes in printed text: a log, or a message with the traceback of another process (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_START = re.compile(r"(?:Exception Group )?Traceback \(most recent call last\):$")
_FRAME = re.compile(r'^ +File "(?P<file>[^"]+)", line (?P<line>\d+)')
_EXCEPTION = re.compile(r"^(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$")
# Printed between the tracebacks of one chain.
_CHAIN = re.compile(r"^(?:The above exception was the direct cause|During handling of the above exception)")
# What torch, torchrun and our launcher put before the lines of a rank, and Python before those of a group.
_RANK = re.compile(r"^\[(?:rank|default)(\d+)\]: ?")
_GROUP = re.compile(r"^ *[|+] ?(?=[ \w])")
_LIBRARY = re.compile(r"^<|/(?:site|dist)-packages/|/lib/python\d|/tsdia_run/training/")
_FATAL = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Floating point exception": "SIGFPE",
    "Floating-point exception": "SIGFPE",
    "Illegal instruction": "SIGILL",
}
_FATAL_LINE = re.compile(r"^Fatal Python error: (?P<name>[\w -]+)$")
_ERROR_WORDS = re.compile(
    r"\b(?:errors?|exception|fatal|failed|failure|denied|killed|panic|abort(?:ed|ing)?|fault|cannot|can't|could not"
    r"|couldn't|unable|no such|not found|does not exist|doesn't exist|invalid|refused|out of memory|time(?:d )?out"
    r"|exceeded|unbound|missing|required|unknown|unrecognized|unexpected|unsupported|mismatch|died|crash(?:ed)?|assertion"
    r"|at \S+ line \d+)\b",
    re.IGNORECASE,
)
# The frames of a stack, and what a shell prints about a command that a signal ended: its own exit code says the same.
_NO_MESSAGE = re.compile(
    r"^(?:File \"|(?:Current t|T)hread 0x)|(?:^|: line \d+: +\d+ )(?:Aborted|Killed|Terminated|Segmentation fault"
    r"|Bus error|Illegal instruction|Floating[- ]point exception)\b"
)
_LAST_LINES = 5


@dataclass(frozen=True)
class Printed:
    """An exception that was printed with its traceback.

    Attributes:
        kind: Its type, as Python prints it.
        message: The first line of its message.
        where: The innermost line of the user's own code, ``file.py:12``; None if no line of it was involved.
        rank: The rank that printed it; None if the text does not say so.
        number: The number of the line with its type, from 0.
    """

    kind: str
    message: str
    where: str | None = None
    rank: int | None = None
    number: int = 0


@dataclass(frozen=True)
class Crash:
    """A crash that Python's fault handler printed: the signal, and the innermost line of the user's own code."""

    signal: str
    where: str | None


def exceptions(lines: Iterable[str]) -> list[Printed]:
    """Return the exceptions in a text, in order; of a chain, only the last one."""
    found: list[Printed] = []
    where, is_inside, is_chained, rank = None, False, False, None
    for number, (line, at) in enumerate(map(_without_prefix, lines)):
        frame = _FRAME.match(line)
        if _START.search(line) or (frame and not is_inside):  # a SyntaxError has no heading
            is_inside, where, rank = True, None, at
        if frame:
            where = user_line(frame["file"], frame["line"]) or where
        elif is_inside and line and not line.startswith(" ") and not _START.search(line):
            is_inside = False
            if exception := _EXCEPTION.match(line):
                if is_chained and found:
                    found.pop()
                found.append(Printed(exception["kind"], exception["message"] or "", where, rank, number))
            is_chained = False
        elif _CHAIN.match(line):
            is_chained = True
    return found


def _without_prefix(line: str) -> tuple[str, int | None]:
    match = _RANK.match(line)
    rest = line[match.end() :] if match else line
    return _GROUP.sub("", rest), int(match.group(1)) if match else None


def user_line(file: str, line: str) -> str | None:
    """Return ``file.py:12`` for a line of the user's own code; None for one of a library."""
    return None if _LIBRARY.search(file) else f"{file.rpartition('/')[2]}:{line}"


def crash(lines: Sequence[str]) -> Crash | None:
    """Return the last crash in a text; None if there is none."""
    for number in range(len(lines) - 1, -1, -1):
        match = _FATAL_LINE.match(lines[number])
        if match and match["name"] in _FATAL:
            return Crash(_FATAL[match["name"]], next(_user_lines(lines[number:]), None))
    return None


def _user_lines(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        frame = _FRAME.match(line)
        if frame and (found := user_line(frame["file"], frame["line"])):
            yield found


def error_line(lines: Iterable[str]) -> str | None:
    """Return the last line that looks like an error message, of the last lines of a text or before its usage."""
    shown = [stripped for line in lines if (stripped := line.strip()) and not _NO_MESSAGE.search(stripped)]
    found = next((line for line in reversed(shown[-_LAST_LINES:]) if _ERROR_WORDS.search(line)), None)
    before_usage = (one for one, after in pairwise(shown) if after.lower().startswith("usage: "))
    return found or next(before_usage, None)
