"""How an attempt ended, in truth (pure): from what the process, the launcher and the ranks left."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass

from tsdia_run.rundir.record import Outcome, State


@dataclass(frozen=True)
class RankEnd:
    """How a process ended: by an exit code, or by a signal."""

    exit_code: int | None = None
    signal: int | None = None

    @classmethod
    def of(cls, code: int) -> RankEnd:
        """From a code as ``subprocess`` gives it: negative for a signal."""
        return cls(signal=-code) if code < 0 else cls(exit_code=code)


@dataclass(frozen=True)
class Evidence:
    """What is known after the end.

    Attributes:
        direct: How the direct child ended.
        is_delegated: Whether the direct child was a launcher of several ranks.
        ranks: How each rank ended, as the launcher saw it; empty for one process.
        first_rank: The rank that failed first.
        error: The exception that ended the script, in one line; None where none did or nobody could write it down.
        stop: The signal that asked us to stop, if one did.
    """

    direct: RankEnd
    is_delegated: bool = False
    ranks: Mapping[int, RankEnd] | None = None
    first_rank: int | None = None
    error: str | None = None
    stop: signal.Signals | None = None


def judge(evidence: Evidence) -> Outcome:
    """The outcome of an attempt."""
    end, rank = evidence.direct, None
    if evidence.ranks and evidence.first_rank is not None:
        rank = evidence.first_rank
        end = evidence.ranks.get(rank, end)
    if evidence.stop is not None:
        reason = f"asked to stop by {evidence.stop.name}; {_subject(evidence, rank)} {_ended(end)}"
        return Outcome(State.STOPPED, reason, end.exit_code, end.signal, rank)
    if end.exit_code == 0:
        return Outcome(State.COMPLETED, "the script ended with exit code 0", exit_code=0)
    return Outcome(State.FAILED, _failure(evidence, end, rank), end.exit_code, end.signal, rank)


def _failure(evidence: Evidence, end: RankEnd, rank: int | None) -> str:
    subject = _subject(evidence, rank)
    if evidence.error and end.signal is None:
        where = "" if rank is None else f" on rank {rank}"
        return f"{evidence.error}{where} ({subject} {_ended(end)})"
    return f"{subject} {_ended(end)}"


def _subject(evidence: Evidence, rank: int | None) -> str:
    if rank is not None:
        return f"rank {rank}"
    return "the launcher" if evidence.is_delegated else "the script"


def _ended(end: RankEnd) -> str:
    if end.signal is not None:
        return f"was killed by {signal_name(end.signal)}"
    return f"ended with exit code {end.exit_code}"


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9; real-time signals by number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def exit_status(outcome: Outcome) -> int:
    """The exit code of the command for an attempt that was not asked to stop: the script's own, 128+n for signal n."""
    return 128 + outcome.signal if outcome.signal is not None else outcome.exit_code or 0
