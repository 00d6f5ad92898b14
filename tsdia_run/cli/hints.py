"""What to do after an error, rendered from its type, its facts and the command that was typed.

Errors below cli/ name no flag and no command; ``message`` adds them where a sentence needs one, ``hint`` builds the
lines below it.
"""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path

from tsdia_run import errors
from tsdia_run.errors import TsdiaRunError
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.suggestions import MOVE_ASIDE, NAME, Suggestions, Typed, free_name


def hint(error: TsdiaRunError, typed: Typed) -> str:
    """The lines below an error.

    Args:
        error: What happened.
        typed: The command that ended with it.
    """
    lines = _remedy(error, typed)
    if isinstance(error, errors.RunAliveError) and error.wanted is not None:
        lines += f"\n{_start_beside(typed, error.wanted)}"
    return lines


@singledispatch
def _remedy(error: TsdiaRunError, typed: Typed) -> str:
    return error.hint


@_remedy.register
def _(error: errors.SupervisedRun, typed: Typed) -> str:
    suggest = _about(error.run_dir)
    return f"Follow it: {suggest.follow()}\nStop it: {suggest.stop()}"


@_remedy.register
def _(error: errors.OrphanedTraining, typed: Typed) -> str:
    return f"Wait for it to end, or end it: {_about(error.run_dir).stop()}"


@_remedy.register
def _(error: errors.Overtaken, typed: Typed) -> str:
    return f"Check it: {_about(error.run_dir).info()}"


def _about(run_dir: Path) -> Suggestions:
    return Suggestions(RunLayout(run_dir))


def _start_beside(typed: Typed, run_dir: Path) -> str:
    return f"Start beside it: {typed.without(MOVE_ASIDE).having(NAME, free_name(run_dir)).text()}"
