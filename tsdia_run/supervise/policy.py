"""What follows a failed attempt (pure): another one, or the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tsdia_run.rundir.record import Outcome, State

_LONGEST_BACKOFF_S = 600.0
# Usage as argparse and sysexits.h have it, a config error, a program that can't be started.
_HOPELESS_CODES = frozenset({2, 64, 78, 126, 127})
_HOPELESS_KINDS = frozenset({"ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError", "TabError"})
# Whose errors are about a config: the packages that read or check them.
_CONFIG_PACKAGES = frozenset({"yaml", "omegaconf", "hydra", "pydantic", "pydantic_core", "ruamel"})


@dataclass(frozen=True)
class Tried:
    """An attempt that is over.

    Attributes:
        outcome: How it ended.
        error: Its exception in one line, if it had one.
        kind: The exception's type, as Python prints it.
        step: The last step that it named.
        has_progressed: Whether it left a whole checkpoint of its own.
        is_refused: Whether a save was refused, since the script had not read the checkpoint that it resumed from.
    """

    outcome: Outcome
    error: str | None = None
    kind: str | None = None
    step: int | None = None
    has_progressed: bool = False
    is_refused: bool = False


@dataclass(frozen=True)
class Restart:
    """Another attempt follows.

    Attributes:
        number: Which attempt without progress it makes up for, from 1; 0 after one with progress.
        delay_s: How long to wait before it.
    """

    number: int
    delay_s: float


@dataclass(frozen=True)
class End:
    """None follows.

    Attributes:
        reason: Why, in words; None where nobody would expect another one.
    """

    reason: str | None = None


def decide(tried: Sequence[Tried], max_restarts: int, backoff_s: float) -> Restart | End:
    """What follows.

    Args:
        tried: The attempts of this start, the newest last.
        max_restarts: How many attempts without progress may be made up for; 0 for none.
        backoff_s: The first wait; it doubles with each attempt without progress.
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
        return End(f"{fruitless} attempts in a row left no new checkpoint")
    return Restart(fruitless, min(backoff_s * 2 ** max(0, fruitless - 1), _LONGEST_BACKOFF_S))


def _hopeless(tried: Sequence[Tried]) -> str | None:
    last = tried[-1]
    if last.is_refused:
        return "the script would not read its checkpoint the next time either"
    if last.outcome.signal is None and last.outcome.exit_code in _HOPELESS_CODES:
        return f"exit code {last.outcome.exit_code} is that of a wrong command line or config"
    kind = last.kind or ""
    if kind in _HOPELESS_KINDS or kind.partition(".")[0] in _CONFIG_PACKAGES:
        return f"{kind} would come again"
    if last.error and [(one.error, one.step) for one in tried[-2:]] == [(last.error, last.step)] * 2:
        where = "" if last.step is None else f" at step {last.step}"
        return f"it failed in the same way twice{where}"
    return None
