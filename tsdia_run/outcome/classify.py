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
class Stop:
    """Why a training is to end before it is done.

    Attributes:
        signal: What it is told by, and what we die of afterwards.
        why: In words that begin the reason: ``asked to stop by SIGINT``.
        is_hang: Whether we gave up on it; else somebody wished it to stop.
    """

    signal: signal.Signals
    why: str
    is_hang: bool = False


@dataclass(frozen=True)
class Evidence:
    """What is known after the end.

    Attributes:
        direct: How the direct child ended.
        is_delegated: Whether the direct child was a launcher of several ranks.
        ranks: How each rank ended, as the launcher saw it; empty for one process.
        first_rank: The rank that failed first.
        launcher_signal: The signal that asked the launcher to stop, other than through us.
        error: The exception that ended the script, in one line; None where none did or nobody could write it down.
        stop: What asked it to end, if anything did.
        memory: What the system says about a kill for memory, in words; None where it says nothing.
        refusal: Why a save was refused that would have overwritten a checkpoint, in one sentence; None where none was.
        is_disk_full: Whether the file system of the run directory has no room left.
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
    """The outcome of an attempt."""
    end, rank = evidence.direct, None
    if evidence.ranks and evidence.first_rank is not None:
        rank = evidence.first_rank
        end = evidence.ranks.get(rank, end)
    elif evidence.launcher_signal is not None and evidence.stop is None:
        reason = f"the launcher was ended by {signal_name(evidence.launcher_signal)}, which did not come from us"
        return Outcome(State.FAILED, reason, signal=evidence.launcher_signal)
    if evidence.refusal is not None:
        # Also of a script that caught the error, or that was asked to stop and wanted to save.
        reason = f"{evidence.refusal} ({_subject(evidence, rank)} {_ended(end)})"
        return Outcome(State.FAILED, reason, end.exit_code, end.signal, rank)
    if evidence.stop is not None:
        state = State.FAILED if evidence.stop.is_hang else State.STOPPED
        reason = f"{evidence.stop.why}; {_subject(evidence, rank)} {_ended(end)}"
        return Outcome(state, reason, end.exit_code, end.signal, rank)
    if end.exit_code == 0:
        return Outcome(State.COMPLETED, "the script ended with exit code 0", exit_code=0)
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
    return f"ended with exit code {end.exit_code}"


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9; real-time signals by number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def hint_for(error: str) -> str | None:
    """What to do about an exception whose cause is known; None for any other."""
    if "Number of custom checkpoints" in error:
        return (
            "the script registers more or fewer objects than when the checkpoint was saved (TS-DIA's Trainer: its"
            " scheduler was replaced). Resume with the scheduler settings of the attempt that saved it."
        )
    if "already exists" in error or "FileExistsError" in error:
        return "the script wants to make its directory itself? Set `script_dir: out` in the config's tsdia_run section."
    return None


def exit_status(outcome: Outcome) -> int:
    """The exit code of the command for an attempt that nobody asked to stop.

    The script's own; 128+n for signal n. Never 0 for a failure: a script that hung may end with 0 when it is told to.
    """
    if outcome.signal is not None:
        return 128 + outcome.signal
    return outcome.exit_code or (0 if outcome.state is State.COMPLETED else 1)
