"""Decide whether to restart after a failed attempt (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tsdia_run.rundir.record import Outcome, State

_LONGEST_BACKOFF_S = 600.0
# Usage errors of argparse and sysexits.h, a config error, a program that can't be started.
_HOPELESS_CODES = frozenset({2, 64, 78, 126, 127})
_HOPELESS_KINDS = frozenset({"ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError", "TabError"})
# Packages whose errors are about a config, since they read or validate it.
_CONFIG_PACKAGES = frozenset({"yaml", "omegaconf", "hydra", "pydantic", "pydantic_core", "ruamel"})


@dataclass(frozen=True)
class Tried:
    """An attempt that has ended.

    Attributes:
        outcome: How it ended.
        error: Its exception in one line, if there was one.
        kind: The exception's type, as Python prints it.
        step: The last step that it reported.
        has_progressed: Whether it saved a new complete checkpoint.
        is_refused: Whether a save was refused because the script had not read the checkpoint of the resume.
    """

    outcome: Outcome
    error: str | None = None
    kind: str | None = None
    step: int | None = None
    has_progressed: bool = False
    is_refused: bool = False


@dataclass(frozen=True)
class Restart:
    """Start another attempt.

    Attributes:
        number: The number of attempts without progress so far, from 1; 0 after one with progress.
        delay_s: Time to wait before the start.
    """

    number: int
    delay_s: float


@dataclass(frozen=True)
class End:
    """Do not start another attempt.

    Attributes:
        reason: Why; None if no restart was expected.
    """

    reason: str | None = None


def decide(tried: Sequence[Tried], max_restarts: int, backoff_s: float) -> Restart | End:
    """Decide whether another attempt follows.

    Args:
        tried: The attempts of this start, newest last.
        max_restarts: How many attempts without progress may be restarted; 0 for none.
        backoff_s: The first delay; it doubles with each attempt without progress.
    """
    last = tried[-1]
    if last.outcome.state is not State.FAILED or max_restarts == 0:
        return End()
    hopeless = _hopeless(tried)
    if hopeless is not None:
        return End(hopeless)
    fruitless = 0
    for one in reversed(tried):
        if one.has_progressed:
            break
        fruitless += 1
    if fruitless > max_restarts:
        return End(f"{fruitless} consecutive attempts saved no new checkpoint")
    return Restart(fruitless, min(backoff_s * 2 ** max(0, fruitless - 1), _LONGEST_BACKOFF_S))


def _hopeless(tried: Sequence[Tried]) -> str | None:
    last = tried[-1]
    if last.is_refused:
        return "the script would not read its checkpoint next time either"
    if last.outcome.signal is None and last.outcome.exit_code in _HOPELESS_CODES:
        return f"exit code {last.outcome.exit_code} means a wrong command line or config"
    kind = last.kind or ""
    if kind in _HOPELESS_KINDS or kind.partition(".")[0] in _CONFIG_PACKAGES:
        return f"{kind} would happen again"
    if last.error and [(one.error, one.step) for one in tried[-2:]] == [(last.error, last.step)] * 2:
        where = "" if last.step is None else f" at step {last.step}"
        return f"it failed in the same way twice{where}"
    return None
