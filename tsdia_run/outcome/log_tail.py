"""Find out how the processes that tsdia-run does not see have ended, from the last lines of the log.

These are the ranks of torchrun or another launcher that is the entrypoint, the programs of a shell script, and a script
that runs without hooks or could not write its exit record.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tsdia_run.files.opening import open_regular
from tsdia_run.outcome.classify import RankEnd
from tsdia_run.outcome.traceback_text import Printed, crash, error_line, exceptions
from tsdia_run.text import visible

_MAX_BYTES = 64 * 1024
_MAX_LINES = 300
# An exception with at most so many lines after it ended the program; an earlier one did not.
_MOST_LINES_AFTER = 20
_MAX_CHARACTERS = 300
_OF_TORCH = re.compile(r"^[WEI]\d{4} \d\d:\d\d:\d\d")  # about the ranks, from torch's launcher
_OURS = ("[tsdia-run: ", "tsdia-run: ")
# From the launcher of several ranks, which also writes it to its record.
_FIRST = re.compile(
    r"^tsdia-run: rank (?P<rank>\d+) (?:exited with code (?P<code>\d+)|was killed by signal (?P<signal>\d+))"
    r" \(first to fail\)$"
)
_TIME = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)? ")

_TORCHRUN = re.compile(
    r"Root Cause \(first observed failure\):(?:(?!Root Cause).)*?rank\s*:\s*(?P<rank>\d+)"
    r"(?:(?!Root Cause).)*?exitcode\s*:\s*(?P<code>-?\d+)",
    re.DOTALL,
)
_ONE_PROCESS = (
    re.compile(r"CalledProcessError: Command .* returned non-zero exit status (?P<code>\d+)\."),
    re.compile(r"CalledProcessError: Command .* died with <Signals\.\w+: (?P<signal>\d+)>"),
    re.compile(r"exits with return code = (?P<code>-?\d+)"),  # DeepSpeed
)
_LAUNCHERS_OWN = ("ChildFailedError", "CalledProcessError", "SignalException")


@dataclass(frozen=True)
class InnerEnd:
    """How a process that tsdia-run does not see has ended, as its output says.

    Attributes:
        end: Its exit code or signal; None if the output does not say so.
        rank: Its rank; None if it is not a rank of several.
        error: Its exception, in one line; None if it printed none.
        line: The last line that it printed, if that looks like an error message.
    """

    end: RankEnd | None = None
    rank: int | None = None
    error: str | None = None
    line: str | None = None


def last_lines(log: Path, newest: bytes = b"") -> list[str]:
    """Return the last lines of a training's own output.

    Args:
        log: Its log.
        newest: The newest output, as the training wrote it; used if the log lacks it, since its disk has failed.
    """
    try:
        with open_regular(log) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _MAX_BYTES))
            logged = _own(file.read(_MAX_BYTES))
    except OSError:
        logged = []
    written = _own(newest.replace(b"\r\n", b"\n"))
    # The log has the text of a bar or a coloured line in another form.
    is_logged = not written or written[-1] in logged or not written[-1].isprintable()
    return logged if logged and is_logged else [visible(line) for line in written]


def _own(output: bytes) -> list[str]:
    lines = output.decode("utf-8", "replace").split("\n")
    own = (_TIME.sub("", line) for line in lines[-_MAX_LINES:] if line.strip())
    return [line for line in own if _FIRST.match(line) or not (line.startswith(_OURS) or _OF_TORCH.match(line))]


def first_to_fail(lines: Sequence[str]) -> InnerEnd:
    """Return which rank failed first, as the launcher printed it."""
    for match in reversed([*filter(None, map(_FIRST.match, lines))]):
        return InnerEnd(_end(match), int(match["rank"]))
    return InnerEnd()


def _end(match: re.Match[str]) -> RankEnd:
    groups = match.groupdict()
    return RankEnd.of(-int(groups["signal"]) if groups.get("signal") else int(groups["code"]))


def inner_end(lines: Sequence[str], *, is_program: bool) -> InnerEnd:
    """Return how the process has ended that a training consists of.

    Args:
        lines: The last lines of the log.
        is_program: Whether the entrypoint may be a launcher, which reports how its processes ended.
    """
    reported = _reported(lines) if is_program else InnerEnd()
    if reported.end is not None:
        return replace(reported, error=error_of(lines, reported.end, reported.rank), line=_line(_of_script(lines)))
    found = exceptions(lines)
    if found and len([line for line in lines[found[-1].number :] if line.strip()]) <= _MOST_LINES_AFTER:
        return InnerEnd(error=_text(found[-1]))
    return InnerEnd(line=_line(lines))


def _line(lines: Sequence[str]) -> str | None:
    line = error_line(line for line in lines if not _FIRST.match(line))
    return None if line is None else visible(line)[:_MAX_CHARACTERS]


def _of_script(lines: Sequence[str]) -> Sequence[str]:
    """Return the lines before the traceback of a launcher."""
    numbers = [number for number, line in enumerate(lines) if line.startswith("Traceback (most recent call last):")]
    return lines[: numbers[0]] if numbers else lines


def error_of(lines: Sequence[str], end: RankEnd, rank: int | None) -> str | None:
    """Return the exception that ended a process of a launcher, in one line; None if it printed none.

    Args:
        lines: The last lines of the log.
        end: How the process ended. An exception that nothing catches has exit code 1.
        rank: Its rank; None if it is not a rank of several.
    """
    found = [one for one in exceptions(lines) if not one.kind.endswith(_LAUNCHERS_OWN)]
    if end.exit_code != 1 or not found:
        return None
    if rank is None:
        return _text(found[-1])
    own = [one for one in found if one.rank == rank]
    return _text((own or found)[0])  # the other ranks failed later


def _text(one: Printed) -> str:
    text = visible(f"{one.kind}: {one.message}" if one.message else one.kind)[:_MAX_CHARACTERS]
    return f"{text} ({one.where})" if one.where else text


def _reported(lines: Sequence[str]) -> InnerEnd:
    """Return what a launcher of the user reports at its end."""
    text = "\n".join(lines)
    for match in reversed([*_TORCHRUN.finditer(text)]):
        return InnerEnd(_end(match), int(match["rank"]))
    for pattern in _ONE_PROCESS:
        for match in reversed([*pattern.finditer(text)]):
            return InnerEnd(_end(match))
    return InnerEnd()


def crash_place(lines: Sequence[str], signal_name: str) -> str | None:
    """Return the line of the user's code in which a process was killed by a signal; None if it is not in the log."""
    found = crash(lines)
    return found.where if found and found.signal == signal_name else None
