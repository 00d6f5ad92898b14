"""`tsdia-run logs`: a run's log, across all attempts and rotated parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tsdia_run.cli import options, reading
from tsdia_run.rundir.env import OPTION_PREFIX

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from tsdia_run.report.logs.stream import Piece, Start
    from tsdia_run.report.status import RunStatus

_SCHEMA = 1
_LINES_BEFORE_FOLLOWING = 20

Follow = Annotated[
    bool,
    typer.Option(
        "-f",
        "--follow",
        envvar=f"{OPTION_PREFIX}FOLLOW",
        help="Keep printing new lines, across restarts, until the run completes. Example: logs exp -f",
    ),
]
AttemptNumber = Annotated[
    int | None,
    typer.Option(
        "--attempt",
        envvar=f"{OPTION_PREFIX}ATTEMPT",
        min=0,
        metavar="N",
        help="Only show this attempt (0 is the first, N the Nth resume). Example: --attempt 0",
    ),
]
Lines = Annotated[
    int | None,
    typer.Option(
        "-n",
        "--lines",
        envvar=f"{OPTION_PREFIX}LINES",
        min=0,
        metavar="N",
        help=f"Show the last N lines. Default: all; {_LINES_BEFORE_FOLLOWING} with -f. Example: --lines 50",
    ),
]
Grep = Annotated[
    str | None,
    typer.Option(
        "--grep",
        envvar=f"{OPTION_PREFIX}GREP",
        metavar="RE",
        help="Only show lines that match this Python regular expression. Example: --grep 'loss.*nan'",
    ),
]


def logs(
    run: reading.RunName = None,
    follow: Follow = False,
    attempt: AttemptNumber = None,
    since: reading.Since = None,
    lines: Lines = None,
    grep: Grep = None,
    as_json: reading.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """Show or follow a run's log, across all attempts and rotated parts.

    \b
    tsdia-run logs exp
    tsdia-run logs exp -f
    tsdia-run logs exp --since 2h --grep 'loss.*nan'
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    from tsdia_run.cli.console import say
    from tsdia_run.report.logs import stream
    from tsdia_run.report.status import look

    reading.prepare_output()
    pattern = _pattern(grep)
    status = look(reading.run_named(run))
    starts = _starts(status, attempt, since, lines, follow)

    def wait(status: RunStatus) -> None:
        say(f"{status.name}: {status.ending}; waiting for a resume (Ctrl-C to quit)")

    pieces: Iterable[Piece] = (
        stream.follow(status.layout.root, starts, only=attempt, on_wait=wait) if follow else stream.read(starts)
    )
    if pattern:
        pieces = stream.matching(stream.lines(pieces), pattern)
    _write(stream.lines(pieces) if as_json and not pattern else pieces, as_json=as_json, is_live=follow)


def _starts(status: RunStatus, attempt: int | None, since: str | None, lines: int | None, follow: bool) -> list[Start]:
    from datetime import datetime

    from tsdia_run.cli.console import say
    from tsdia_run.errors import NotFoundError, UsageError
    from tsdia_run.report.logs import stream
    from tsdia_run.report.suggestions import Suggestions
    from tsdia_run.report.times import parse_since

    for one in stream.logs_outside(status):
        say(f"the log of attempt {one.number} is not shown: its recorded path leads out of the run: {one.log}")
    logs = [log for log in stream.attempt_logs(status) if attempt in (None, log.number)]
    if not logs:
        what = "log" if attempt is None else f"attempt {attempt}"
        hint = Suggestions(status.layout.root).info()
        raise NotFoundError(f"{status.name} has no {what}", hint=f"See: {hint}")
    for log in logs:
        if not log.is_there and not (status.is_live and log.number == status.attempts[-1].number):
            say(f"the log of attempt {log.number} was deleted: {log.live}")
    if since is not None and lines is not None:
        raise UsageError("--since cannot be combined with --lines", hint="Use one of them.")
    if since is not None:
        return stream.since(logs, parse_since(since, datetime.now().astimezone()).timestamp())
    if lines is not None or (follow and attempt is None):
        return stream.tail(logs, _LINES_BEFORE_FOLLOWING if lines is None else lines)
    return stream.beginnings(logs)


def _pattern(grep: str | None) -> re.Pattern[str] | None:
    import re

    from tsdia_run.errors import UsageError

    try:
        return None if grep is None else re.compile(grep)
    except re.error as error:
        raise UsageError(
            f"--grep {grep!r} is not a valid regular expression: {error}", hint="Escape special characters with \\."
        ) from error


def _write(pieces: Iterable[Piece], *, as_json: bool, is_live: bool) -> None:
    """Write to standard output as bytes: a log may contain any byte."""
    import json
    import sys

    out = sys.stdout.buffer
    for piece in pieces:
        if as_json:
            text = piece.data.decode("utf-8", "surrogateescape").removesuffix("\n")
            out.write(json.dumps({"schema": _SCHEMA, "attempt": piece.attempt, "line": text}).encode() + b"\n")
        else:
            out.write(piece.data)
        if is_live:
            out.flush()
