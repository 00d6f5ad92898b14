"""Hooks around the methods of other people's classes: what fails in one is a warning, never the end of a training.

A hook is a generator function with the signature of the method: what it does before the call, ``yield``, what it does
with the result. It may yield a ``Call`` to have the method called with other arguments. If the method raises, the
hook is closed.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from tsdia_run.errors import TsdiaRunError
from tsdia_run.text import visible_lines
from tsdia_run.training.boot.rank_state import RANK


@dataclass(frozen=True)
class Call:
    """The arguments that a method is to be called with, the object itself among them."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


Steps = Generator[Call | None, Any, None]


def warn(hook: str, error: BaseException) -> None:
    """Say once what failed in a hook."""
    if hook in RANK.warned:
        return
    RANK.warned.add(hook)
    text = f"tsdia-run: the {hook} hook failed and is skipped: {type(error).__name__}: {error}"
    try:
        sys.stderr.write(f"{visible_lines(text)}\n")
        sys.stderr.flush()
    except Exception:  # stderr is closed, gone, or an object of the script's own
        return


def wrap(owner: Any, method: str, hook: str, steps: Callable[..., Steps]) -> None:
    """Put a hook around ``owner.method``.

    Args:
        owner: The class or module.
        method: The name in it.
        hook: The hook's name, for the warning.
        steps: The generator function. A ``TsdiaRunError`` from it, before the call, is meant to stop the script.
    """
    original = getattr(owner, method)

    @functools.wraps(original)
    def hooked(*args: Any, **kwargs: Any) -> Any:
        running, call = _start(hook, steps, args, kwargs)
        if running is None:
            return original(*args, **kwargs)
        try:
            result = original(*call.args, **call.kwargs)
        except BaseException:
            _close(hook, running)
            raise
        _finish(hook, running, result)
        return result

    setattr(owner, method, hooked)


def _start(
    hook: str, steps: Callable[..., Steps], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Steps | None, Call]:
    given = Call(args, kwargs)
    try:
        running = steps(*args, **kwargs)
        return running, next(running) or given
    except TsdiaRunError:
        raise
    except StopIteration:
        return None, given
    except Exception as error:  # it is somebody's training: it goes on as if the hook were not there
        warn(hook, error)
        return None, given


def _close(hook: str, running: Steps) -> None:
    try:
        running.close()
    except Exception as error:  # as above; the method's own error is on its way
        warn(hook, error)


def _finish(hook: str, running: Steps, result: object) -> None:
    try:
        running.send(result)
    except StopIteration:
        return
    except Exception as error:  # as above
        warn(hook, error)
