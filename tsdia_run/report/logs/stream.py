"""Read the logs of all attempts of a run in order, and follow them while the run is running."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.report.logs import seek
from tsdia_run.report.logs.parts import LogParts, Position
from tsdia_run.report.logs.reader import Reader
from tsdia_run.report.status import RunStatus, look
from tsdia_run.rundir.record import LIVE, Attempt, State

_POLL_S = 0.2
# The status of a run without new output is checked less often.
_LOOK_S = 1.0
# A longer line is cut into several.
_MAX_LINE_BYTES = 16 * 1024 * 1024
_NAME = re.compile(r"training_(?:resume_(\d+)_)?\d{8}_\d{6}\.log")


@dataclass(frozen=True)
class AttemptLog:
    """The log of an attempt.

    Attributes:
        number: The attempt's number.
        live: Its live file.
    """

    number: int
    live: Path

    @property
    def is_there(self) -> bool:
        """Whether any part of it exists."""
        return os.path.exists(self.live) or bool(LogParts(self.live).numbers())


@dataclass(frozen=True)
class Piece:
    """A piece of a log.

    Attributes:
        attempt: The attempt's number.
        data: The bytes of the log: a chunk of any length, or a line.
    """

    attempt: int
    data: bytes


def attempt_logs(status: RunStatus) -> tuple[AttemptLog, ...]:
    """Return the logs of a run; those of TS-DIA's own runs are found by name. A log need not exist any more."""
    root = status.layout.root
    return tuple(log for log in _named_logs(status) if _is_inside(log.live, root))


def _named_logs(status: RunStatus) -> tuple[AttemptLog, ...]:
    if status.run:
        root = status.layout.root
        return tuple(AttemptLog(attempt.number, root / attempt.log) for attempt in status.run.attempts)
    try:
        names = sorted(os.listdir(status.layout.logs))
    except OSError:
        return ()
    found = [(int(match[1] or 0), name) for name in names if (match := _NAME.fullmatch(name))]
    return tuple(AttemptLog(number, status.layout.logs / name) for number, name in sorted(found))


def logs_outside(status: RunStatus) -> tuple[Attempt, ...]:
    """Return the attempts whose recorded log is outside of the run. It is not read: a record may come from anyone."""
    root = status.layout.root
    return tuple(one for one in status.attempts if one.log and not _is_inside(root / one.log, root))


def _is_inside(live: Path, root: Path) -> bool:
    folder, real_root = os.path.realpath(live.parent), os.path.realpath(root)
    return live.name != ".." and (folder == real_root or folder.startswith(real_root.rstrip("/") + "/"))


@dataclass(frozen=True)
class Start:
    """A position in the log of an attempt."""

    log: AttemptLog
    position: Position


def beginnings(logs: Iterable[AttemptLog]) -> list[Start]:
    """Return the beginnings of all logs."""
    return [Start(log, Position()) for log in logs]


def since(logs: Iterable[AttemptLog], since_s: float) -> list[Start]:
    """Return where output written at or after ``since_s`` (seconds since the epoch) begins, exact to 5 s."""
    found = [(log, seek.at_time(log.live, since_s)) for log in logs]
    return [Start(log, position) for log, position in found if position is not None]


def tail(logs: Iterable[AttemptLog], lines: int) -> list[Start]:
    """Return where the last lines begin, over all attempts."""
    starts: list[Start] = []
    for log in reversed(list(logs)):
        if lines > 0:
            found = seek.at_tail(log.live, lines)
            lines -= found.lines
            starts.insert(0, Start(log, found.start))
    return starts


def read(starts: Iterable[Start]) -> Iterator[Piece]:
    """Yield everything from the given positions to the current end, in chunks."""
    for start in starts:
        yield from _ended(start.log.number, Reader(start.log.live, start.position))


def _ended(number: int, reader: Reader) -> Iterator[Piece]:
    """Yield the rest of a finished log; its last line always ends with a newline."""
    chunk = b"\n"
    for chunk in reader.read():
        yield Piece(number, chunk)
    if not chunk.endswith(b"\n"):
        yield Piece(number, b"\n")


def follow(
    run_dir: Path,
    starts: list[Start],
    *,
    only: int | None,
    on_wait: Callable[[RunStatus], None],
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Piece]:
    """Yield what ``read`` yields and then new output, across restarts and resumes, until the run has completed.

    Args:
        run_dir: The run.
        starts: The positions to read from; the last one is followed.
        only: The only attempt to follow, until it ends; None for all attempts.
        on_wait: Called when an attempt has ended but the run has not completed, so that the next attempt is awaited.
        pause: Sleeps for a number of seconds.
    """
    status = look(run_dir)
    if not starts:
        logs = [log for log in attempt_logs(status) if only in (None, log.number)]
        starts = [Start(log, seek.at_end(log.live)) for log in logs[-1:]]
    yield from read(starts[:-1])
    current, waited_for = starts[-1].log.number if starts else -1, -1
    reader = Reader(starts[-1].log.live, starts[-1].position) if starts else None
    while True:
        status = look(run_dir)
        following = (
            next((log for log in attempt_logs(status) if log.number > current), None) if current != only else None
        )
        has_ended = following is not None or _has_ended(status, current)
        if reader is not None and has_ended:
            yield from _ended(current, reader)
        if following is not None:
            current, reader = following.number, Reader(following.live)
        elif has_ended and (current == only or status.state is State.COMPLETED):
            return
        else:
            if has_ended and waited_for != current:
                waited_for = current
                on_wait(status)
            yield from _for_a_while(current, None if has_ended else reader, pause)


def _has_ended(status: RunStatus, number: int) -> bool:
    """Return whether an attempt is known to have ended; False for a run without a known state."""
    if status.state is None:
        return False
    return status.state not in LIVE or any(attempt.number > number for attempt in status.attempts)


def _for_a_while(number: int, reader: Reader | None, pause: Callable[[float], None]) -> Iterator[Piece]:
    """Follow a log until the next check of the run."""
    for _ in range(round(_LOOK_S / _POLL_S)):
        if reader is not None:
            for chunk in reader.read():
                yield Piece(number, chunk)
        pause(_POLL_S)


def lines(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield complete lines as soon as possible, each with its newline; the last line may lack its newline."""
    attempt, rest = 0, b""
    for piece in pieces:
        if rest and piece.attempt != attempt:
            yield Piece(attempt, rest)
            rest = b""
        attempt = piece.attempt
        first, *others = piece.data.split(b"\n")
        rest += first
        if len(rest) > _MAX_LINE_BYTES:
            yield Piece(attempt, rest)
            rest = b""
        for other in others:
            yield Piece(attempt, rest + b"\n")
            rest = other
    if rest:
        yield Piece(attempt, rest)


def matching(pieces: Iterable[Piece], pattern: re.Pattern[str]) -> Iterator[Piece]:
    """Return the lines that match the pattern. Bytes that are not UTF-8 only match ``.`` and similar patterns."""
    return (piece for piece in pieces if pattern.search(piece.data.rstrip(b"\r\n").decode("utf-8", "surrogateescape")))
