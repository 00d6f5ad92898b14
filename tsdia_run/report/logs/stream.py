"""The logs of all attempts of a run, one after the other, and on while it lives."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.report.logs import seek
from tsdia_run.report.logs.parts import LogParts, Position
from tsdia_run.report.logs.reader import Reader
from tsdia_run.report.status import RunStatus, look
from tsdia_run.rundir.record import LIVE, State

_POLL_S = 0.2
# Whether a run that says nothing still lives is asked less often.
_LOOK_S = 1.0
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
        """Whether anything is left of it."""
        return self.live.exists() or bool(LogParts(self.live).numbers())


@dataclass(frozen=True)
class Piece:
    """Something that a log says.

    Attributes:
        attempt: The attempt's number.
        data: Bytes as they are in the log: a chunk of any length, or a line.
    """

    attempt: int
    data: bytes


def attempt_logs(sight: RunStatus) -> tuple[AttemptLog, ...]:
    """The logs of a run, those of TS-DIA's own runs by their names; they need not exist any more."""
    root = sight.layout.root
    if sight.run:
        return tuple(AttemptLog(attempt.number, root / attempt.log) for attempt in sight.run.attempts)
    try:
        names = sorted(path.name for path in sight.layout.logs.iterdir())
    except OSError:
        return ()
    found = [(int(match[1] or 0), name) for name in names if (match := _NAME.fullmatch(name))]
    return tuple(AttemptLog(number, sight.layout.logs / name) for number, name in sorted(found))


@dataclass(frozen=True)
class Start:
    """Where to begin in the log of an attempt."""

    log: AttemptLog
    position: Position


def whole(logs: Iterable[AttemptLog]) -> list[Start]:
    """All of them from their beginnings."""
    return [Start(log, Position()) for log in logs]


def since(logs: Iterable[AttemptLog], since_s: float) -> list[Start]:
    """What was written at ``since_s`` (seconds since the epoch) or later, or up to 5 s before."""
    found = [(log, seek.at_time(log.live, since_s)) for log in logs]
    return [Start(log, position) for log, position in found if position is not None]


def tail(logs: Iterable[AttemptLog], lines: int) -> list[Start]:
    """The last lines, over all attempts."""
    starts: list[Start] = []
    for log in reversed(list(logs)):
        if lines > 0:
            found = seek.at_tail(log.live, lines)
            lines -= found.lines
            starts.insert(0, Start(log, found.start))
    return starts


def read(starts: Iterable[Start]) -> Iterator[Piece]:
    """Everything from the given places to the present end, in chunks."""
    for start in starts:
        yield from _ended(start.log.number, Reader(start.log.live, start.position))


def _ended(number: int, reader: Reader) -> Iterator[Piece]:
    """What a log has to say, which nothing will be added to: its last line gets its end."""
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
    """As ``read``, and then whatever comes, through restarts and resumes, until the run has completed.

    Args:
        run_dir: The run.
        starts: Where to begin; the last one is followed.
        only: The one attempt that is wanted; its end is the end. None for all.
        on_wait: Called when an attempt has ended otherwise, so that a resume is waited for.
        pause: Sleeps for a number of seconds.
    """
    sight = look(run_dir)
    if not starts:
        logs = [log for log in attempt_logs(sight) if only in (None, log.number)]
        starts = [Start(log, seek.at_end(log.live)) for log in logs[-1:]]
    yield from read(starts[:-1])
    current, waited_for = starts[-1].log.number if starts else -1, -1
    reader = Reader(starts[-1].log.live, starts[-1].position) if starts else None
    while True:
        sight = look(run_dir)
        following = (
            next((log for log in attempt_logs(sight) if log.number > current), None) if current != only else None
        )
        has_ended = following is not None or _has_ended(sight, current)
        if reader is not None and has_ended:
            yield from _ended(current, reader)
        if following is not None:
            current, reader = following.number, Reader(following.live)
        elif has_ended and (current == only or sight.state is State.COMPLETED):
            return
        else:
            if has_ended and waited_for != current:
                waited_for = current
                on_wait(sight)
            yield from _for_a_while(current, None if has_ended else reader, pause)


def _has_ended(sight: RunStatus, number: int) -> bool:
    """Whether an attempt is known to have ended; of a run without a record nothing is known."""
    if sight.state is None:
        return False
    return sight.state not in LIVE or any(attempt.number > number for attempt in sight.attempts)


def _for_a_while(number: int, reader: Reader | None, pause: Callable[[float], None]) -> Iterator[Piece]:
    """Follow a log until it is time to look at the run again."""
    for _ in range(round(_LOOK_S / _POLL_S)):
        if reader is not None:
            for chunk in reader.read():
                yield Piece(number, chunk)
        pause(_POLL_S)


def lines(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The lines, each with its end, as soon as they are whole; the last one may lack its end."""
    attempt, rest = 0, b""
    for piece in pieces:
        if rest and piece.attempt != attempt:
            yield Piece(attempt, rest)
            rest = b""
        attempt = piece.attempt
        first, *others = piece.data.split(b"\n")
        rest += first
        for other in others:
            yield Piece(attempt, rest + b"\n")
            rest = other
    if rest:
        yield Piece(attempt, rest)


def matching(pieces: Iterable[Piece], pattern: re.Pattern[str]) -> Iterator[Piece]:
    """Those lines in which the pattern is found. Bytes that are no UTF-8 match nothing but ``.`` and the like."""
    return (piece for piece in pieces if pattern.search(piece.data.rstrip(b"\r\n").decode("utf-8", "surrogateescape")))
