"""Classify how an attempt ended, from the records of the process, the launcher and the ranks (pure)."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass

from tsdia_run.rundir.record import Outcome, State


@dataclass(frozen=True)
class RankEnd:
    """How a process ended: with an exit code, or by a signal."""

    exit_code: int | None = None
    signal: int | None = None

    @classmethod
    def of(cls, code: int) -> RankEnd:
        """Convert a return code of ``subprocess``: negative for a signal."""
        return cls(signal=-code) if code < 0 else cls(exit_code=code)


@dataclass(frozen=True)
class Stop:
    """Why a training is stopped.

    Attributes:
        signal: The signal that stops it, and that ends tsdia-run afterwards.
        why: The start of the reason: ``stopped by Ctrl-C (SIGINT)``.
        is_hang: Whether it is stopped as hung; otherwise a stop was requested.
    """

    signal: signal.Signals
    why: str
    is_hang: bool = False


@dataclass(frozen=True)
class Evidence:
    """The evidence about an ending.

    Attributes:
        direct: How the direct child process ended.
        is_delegated: Whether the direct child was a launcher of several ranks.
        ranks: How each rank ended, as the launcher saw it; empty for one process.
        first_rank: The rank that failed first.
        launcher_signal: The signal that stopped the launcher and did not come from tsdia-run.
        error: The exception that ended the script, in one line; None if there was none or it was not recorded.
        stop: The first stop request, if there was one.
        memory: A description of an OOM kill; None if there was none.
        refusal: Why a save that would have overwritten a checkpoint was refused; None if none was.
        is_disk_full: Whether the file system of the run directory is full.
    """

    direct: RankEnd
    is_delegated: bool = False
    ranks: Mapping[int, RankEnd] | None = None
    first_rank: int | None = None
    launcher_signal: int | None = None
    error: str | None = None
    stop: Stop | None = None
    memory: str | None = None
    refusal: str | None = None
    is_disk_full: bool = False


def judge(evidence: Evidence) -> Outcome:
    """Classify the ending of an attempt."""
    end, rank = evidence.direct, None
    if evidence.ranks and evidence.first_rank is not None:
        rank = evidence.first_rank
        end = evidence.ranks.get(rank, end)
    elif evidence.launcher_signal is not None and evidence.stop is None:
        reason = (
            f"the launcher was stopped by {signal_name(evidence.launcher_signal)}, which did not come from tsdia-run"
        )
        return Outcome(State.FAILED, reason, signal=evidence.launcher_signal)
    if evidence.refusal is not None:
        # This also applies if the script caught the error, or saved because of a stop request.
        reason = f"{evidence.refusal} ({_subject(evidence, rank)} {_ended(end)})"
        return Outcome(State.FAILED, reason, end.exit_code, end.signal, rank)
    if evidence.stop is not None:
        state = State.FAILED if evidence.stop.is_hang else State.STOPPED
        is_obvious = end.signal == evidence.stop.signal and not evidence.stop.is_hang
        how = "" if is_obvious else f"; {_subject(evidence, rank)} {_ended(end)}"
        return Outcome(state, f"{evidence.stop.why}{how}", end.exit_code, end.signal, rank)
    if end.exit_code == 0:
        return Outcome(State.COMPLETED, "the script exited with code 0", exit_code=0)
    return Outcome(State.FAILED, _failure(evidence, end, rank), end.exit_code, end.signal, rank)


def _failure(evidence: Evidence, end: RankEnd, rank: int | None) -> str:
    subject = _subject(evidence, rank)
    text = f"{subject} {_ended(end)}"
    if end.signal == signal.SIGKILL and evidence.memory:
        text = f"{text}; {evidence.memory}"
    if evidence.error and end.signal is None:
        where = "" if rank is None else f" on rank {rank}"
        text = f"{evidence.error}{where} ({text})"
    return f"{text}; the disk of the run directory is full" if evidence.is_disk_full else text


def _subject(evidence: Evidence, rank: int | None) -> str:
    if rank is not None:
        return f"rank {rank}"
    return "the launcher" if evidence.is_delegated else "the script"


def _ended(end: RankEnd) -> str:
    if end.signal is not None:
        return f"was killed by {signal_name(end.signal)}"
    return f"exited with code {end.exit_code}"


def signal_name(number: int) -> str:
    """Return the name of a signal, ``SIGKILL`` for 9; a real-time signal has only its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def hint_for(error: str) -> str | None:
    """Return a hint for an exception with a known cause; None for any other."""
    if "Number of custom checkpoints" in error:
        return (
            "the script registers more or fewer objects than when the checkpoint was saved (TS-DIA's Trainer: its"
            " scheduler was replaced). Resume with the scheduler settings of the attempt that saved it."
        )
    if "already exists" in error or "FileExistsError" in error:
        return "if the script creates its output directory, set `script_dir: out` in the config's tsdia_run section."
    return None


def exit_status(outcome: Outcome) -> int:
    """Return the exit code of the command for an attempt without a stop request.

    It is the script's own, or 128+n for signal n. It is never 0 for a failure: a hung script may exit with 0 on
    SIGTERM.
    """
    if outcome.signal is not None:
        return 128 + outcome.signal
    return outcome.exit_code or (0 if outcome.state is State.COMPLETED else 1)
