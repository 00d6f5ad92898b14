"""What the ranks of an attempt left about their ending, read with care: they may have died while writing it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tsdia_run.rundir.ending import Evidence, RankEnd, judge
from tsdia_run.rundir.layout import AttemptLayout
from tsdia_run.rundir.record import Outcome, State

# The kernel would let a rank write gigabytes as its last words.
_MAX_BYTES = 1024 * 1024
_MAX_ERROR_CHARACTERS = 300


def without_supervisor(attempt: AttemptLayout) -> Outcome:
    """How an attempt ended whose supervisor could not record it; nothing of it lives any more."""
    ends = {}
    for path in sorted(attempt.root.glob("exit-rank*.json")):
        data = read_object(path)
        code = data.get("exit_code")
        number = path.stem.removeprefix("exit-rank")
        if isinstance(code, int) and number.isdecimal():
            ends[int(number)] = RankEnd(exit_code=code)
    failed = [rank for rank, end in ends.items() if end.exit_code]
    if not ends:
        return Outcome(State.LOST, "killed together with its supervisor, or the machine went down")
    shown = failed[0] if failed else min(ends)
    outcome = judge(Evidence(ends[shown], error=error_of(attempt, shown)))
    reason = f"{outcome.reason}; its supervisor had been killed before"
    return Outcome(outcome.state, reason, outcome.exit_code, outcome.signal, shown if len(ends) > 1 else None)


def error_of(attempt: AttemptLayout, rank: int) -> str | None:
    """The exception of a rank in one line: type, message, and where in the user's own code; None where none is left."""
    exception = read_object(attempt.exit_record(rank)).get("exception")
    if not isinstance(exception, dict):
        return None
    message = " ".join(str(exception.get("message") or "").split())
    text = f"{exception.get('type')}: {message}" if message else str(exception.get("type"))
    at = exception.get("at")
    where = f" ({os.path.basename(str(at.get('file')))}:{at.get('line')})" if isinstance(at, dict) else ""
    return text[:_MAX_ERROR_CHARACTERS] + where


def read_object(path: Path) -> dict[str, object]:
    """A JSON object that a process left; empty where there is none that can be read."""
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
