"""Classify how an attempt ended, from the records of the process, the launcher and the ranks (pure)."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tsdia_run.rundir.record import Outcome, State

_MAX_SIGNAL = 64
_STOP_SIGNAL = re.compile(r"stopped by (?:\S+ \()?(SIG[A-Z]+)")
_MOST_NAMED = 8
_TIMEOUT_CODE = 124
# What a signal means that is not sent by a person.
_MEANINGS: Mapping[int | None, str] = {
    signal.SIGXCPU: "it reached its limit of CPU time (RLIMIT_CPU)",
    signal.SIGXFSZ: "it reached its limit of a file's size (RLIMIT_FSIZE)",
    signal.SIGPIPE: "it wrote to a pipe or socket that was closed at the other end",
    signal.SIGBUS: "a mapped file became shorter, or the disk or shared memory is full",
    signal.SIGSYS: "it made a system call that its sandbox forbids",
}
# What data loaders, process pools, joblib and subprocess say of a child process that SIGKILL ended.
_CHILD_KILLED = re.compile(
    r"killed by signal: Killed|exited unexpectedly|terminated abruptly|SIGKILL|signal 9\b|exit ?code:? -9\b"
    r"|exit status -9\b",
    re.IGNORECASE,
)


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
class MemoryKill:
    """Kills by the kernel's OOM killer while the attempt ran.

    Attributes:
        text: A description, with the memory of the largest process.
        is_at_end: Whether one of them was at the time at which the script, or the rank that failed first, ended.
    """

    text: str
    is_at_end: bool = True


@dataclass(frozen=True)
class Evidence:
    """The evidence about an ending.

    Attributes:
        direct: How the script ended, or the launcher of several ranks.
        is_delegated: Whether ``direct`` is a launcher of several ranks.
        is_program: Whether ``direct`` is a program that runs without the bootstrap, such as a shell script.
        ranks: How each rank ended, as the launcher saw it; empty for one process.
        first_rank: The rank that failed first.
        unended: The ranks that had not ended when they were killed.
        launcher_signal: The signal that stopped the launcher and did not come from tsdia-run.
        error: The exception that ended the script, in one line; None if there was none or it was not recorded.
        printed: The last line that the script printed, if it looks like an error message.
        place: The line of the user's code that called ``sys.exit``, or in which a signal killed the script.
        is_consequence: Whether ``error`` says that another rank had ended.
        has_finished: Whether the script's code had ended without an error before its process failed.
        hung_at: The line of the user's code in which each rank was when the run was found to be hung, by rank.
        stop: The first stop request, if there was one.
        ended_at: When the rank that failed first ended; None if only ``direct`` is known.
        memory: The kills for memory; None if there was none.
        refusal: Why a save that would have overwritten a checkpoint was refused; None if none was.
        is_at_cpu_limit: Whether the script, or the launcher, has used the CPU time that its hard limit allows.
        is_disk_full: Whether the file system of the run directory is full.
    """

    direct: RankEnd
    is_delegated: bool = False
    is_program: bool = False
    ranks: Mapping[int, RankEnd] | None = None
    first_rank: int | None = None
    unended: Sequence[int] = ()
    launcher_signal: int | None = None
    error: str | None = None
    printed: str | None = None
    place: str | None = None
    is_consequence: bool = False
    has_finished: bool = False
    hung_at: Mapping[int, str] = field(default_factory=dict)
    stop: Stop | None = None
    ended_at: datetime | None = None
    memory: MemoryKill | None = None
    refusal: str | None = None
    is_at_cpu_limit: bool = False
    is_disk_full: bool = False


def judge(evidence: Evidence) -> Outcome:
    """Classify the ending of an attempt."""
    end, rank = evidence.direct, None
    if evidence.ranks and evidence.first_rank is not None:
        rank = evidence.first_rank
        end = evidence.ranks.get(rank, end)
    elif evidence.stop is not None and evidence.unended:
        rank, end = evidence.unended[0], RankEnd(signal=signal.SIGKILL)
    elif evidence.launcher_signal is not None and evidence.stop is None:
        reason = (
            f"the launcher was stopped by {signal_name(evidence.launcher_signal)}, which did not come from tsdia-run"
        )
        return Outcome(State.FAILED, reason, signal=evidence.launcher_signal)
    if evidence.refusal is not None:
        # This also applies if the script caught the error, or saved because of a stop request.
        reason = f"{evidence.refusal} ({_subject(evidence, rank)} {_ended(evidence, end, rank)})"
        return Outcome(State.FAILED, reason, end.exit_code, end.signal, rank)
    if evidence.stop is not None:
        state = State.FAILED if evidence.stop.is_hang else State.STOPPED
        return Outcome(state, _stopped(evidence, evidence.stop, end, rank), end.exit_code, end.signal, rank)
    if end.exit_code == 0:
        after = f" after {evidence.error}" if evidence.error else ""
        return Outcome(State.COMPLETED, f"the script exited with code 0{after}", exit_code=0)
    return Outcome(State.FAILED, _failure(evidence, end, rank), end.exit_code, end.signal, rank)


def _stopped(evidence: Evidence, stop: Stop, end: RankEnd, rank: int | None) -> str:
    parts = [stop.why]
    if stop.is_hang and evidence.hung_at:
        names = {one: f"rank {one}" if evidence.is_delegated else "the script" for one in evidence.hung_at}
        parts.append(", ".join(f"{names[one]} was in {at}" for one, at in evidence.hung_at.items()))
    expected = None if stop.is_hang else RankEnd(signal=stop.signal)
    if evidence.error and not evidence.error.startswith("KeyboardInterrupt"):
        parts.append(f"then {_with_error(evidence, end, rank)}")
    elif evidence.ranks and rank is None:
        parts += _each_end(evidence.ranks, expected)
    elif end != expected:
        parts.append(f"{_subject(evidence, rank)} {_ended(evidence, end, rank)}")
    return "; ".join([*parts, *_space(evidence)])


def _each_end(ranks: Mapping[int, RankEnd], expected: RankEnd | None) -> list[str]:
    """Return how the ranks ended that did not end as expected, in one part; none if all did."""
    groups: dict[RankEnd, list[int]] = {}
    for rank, end in ranks.items():
        groups.setdefault(end, []).append(rank)
    texts = [f"{_ranks(group)} {_verb(end, len(group))}" for end, group in groups.items() if end != expected]
    return [", ".join(texts)] if texts else []


def _failure(evidence: Evidence, end: RankEnd, rank: int | None) -> str:
    parts = [_with_error(evidence, end, rank)]
    if evidence.is_consequence:
        parts += _other_ranks(evidence.ranks or {}, rank)
    elif evidence.printed and not evidence.error:
        parts.append(f'it printed "{evidence.printed}"')
    number = signal.SIGXCPU if end.signal == signal.SIGKILL and evidence.is_at_cpu_limit else end.signal
    if number in _MEANINGS:
        parts.append(_MEANINGS[number])
    if evidence.memory and _is_for_memory(evidence, end):
        parts.append(evidence.memory.text)
    return "; ".join([*parts, *_space(evidence)])


def _other_ranks(ranks: Mapping[int, RankEnd], failed: int | None) -> list[str]:
    """Return what the other ranks did, if the failure of one only says that another one did not answer."""
    ended = [rank for rank, end in ranks.items() if end.exit_code == 0]
    if ended:
        return [f"{_ranks(ended)} had exited with code 0"]
    by_launcher = (signal.SIGTERM, signal.SIGKILL)
    running = [rank for rank, end in ranks.items() if rank != failed and end.signal in by_launcher]
    return [f"{_ranks(running)} had not ended"] if running else []


def _with_error(evidence: Evidence, end: RankEnd, rank: int | None) -> str:
    text = f"{_subject(evidence, rank)} {_ended(evidence, end, rank)}"
    if evidence.error:
        where = "" if rank is None else f" on rank {rank}"
        return f"{evidence.error}{where} ({text})"
    text += f" in {evidence.place}" if evidence.place else ""
    return f"{text} after its code had ended" if evidence.has_finished else text


def _space(evidence: Evidence) -> list[str]:
    return ["the disk of the run directory is full"] if evidence.is_disk_full else []


def _is_for_memory(evidence: Evidence, end: RankEnd) -> bool:
    """Return whether a kill for memory ended the script, or a child process without which the script failed."""
    assert evidence.memory is not None
    is_killed = end.signal == signal.SIGKILL or (evidence.is_program and end.exit_code == 128 + signal.SIGKILL)
    return (is_killed and evidence.memory.is_at_end) or bool(_CHILD_KILLED.search(evidence.error or ""))


def _subject(evidence: Evidence, rank: int | None) -> str:
    if rank is not None:
        return _ranks(evidence.unended) if rank in evidence.unended else f"rank {rank}"
    return "the launcher" if evidence.is_delegated else "the script"


def _ranks(ranks: Sequence[int]) -> str:
    if len(ranks) > _MOST_NAMED:
        return f"{len(ranks)} ranks"
    *others, last = map(str, ranks)
    return f"ranks {', '.join(others)} and {last}" if others else f"rank {last}"


def _ended(evidence: Evidence, end: RankEnd, rank: int | None) -> str:
    if end.signal is not None:
        return _verb(end, len(evidence.unended) if rank in evidence.unended else 1)
    shell = ""
    if evidence.is_program and end.exit_code is not None and 128 < end.exit_code <= 128 + _MAX_SIGNAL:
        shell = f", as a shell does after {signal_name(end.exit_code - 128)}"
    elif evidence.is_program and end.exit_code == _TIMEOUT_CODE:
        shell = ", as timeout does at its time limit"
    return f"{_verb(end, 1)}{shell}"


def _verb(end: RankEnd, count: int) -> str:
    """Return what one process or several did at their end."""
    if end.signal is None:
        return f"exited with code {end.exit_code}"
    return f"{'were' if count > 1 else 'was'} killed by {signal_name(end.signal)}"


def ended_with(outcome: Outcome) -> int:
    """Return the exit code of the command that ran an attempt, also if a stop was requested: 128+n for its signal n."""
    if outcome.state is not State.STOPPED:
        return exit_status(outcome)
    named = _STOP_SIGNAL.match(outcome.reason)  # as Stop.why has it; `tsdia-run stop` and a time limit name none
    return 128 + (signal.Signals[named[1]] if named else signal.SIGTERM)


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
