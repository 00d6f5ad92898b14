"""Wrap methods of other libraries in hooks: a failure in a hook is a warning and never ends the training.

A hook is a generator function with the signature of the method. The code before ``yield`` runs before the call; the
code after it gets the result. A hook may yield a ``Call`` to change the arguments of the method. If the method raises,
the hook is closed.
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
    """The arguments of a call, including the object itself."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


Steps = Generator[Call | None, Any, None]


def warn(hook: str, error: BaseException) -> None:
    """Print one warning for a hook that failed."""
    if hook in RANK.warned:
        return
    RANK.warned.add(hook)
    text = f"tsdia-run: warning: the {hook} hook failed: {type(error).__name__}: {error}"
    try:
        sys.stderr.write(f"{visible_lines(text)}\n")
        sys.stderr.flush()
    except Exception:  # stderr is closed, removed, or replaced by an object of the script
        return


def wrap(owner: Any, method: str, hook: str, steps: Callable[..., Steps]) -> None:
    """Wrap ``owner.method`` in a hook.

    Args:
        owner: The class or module.
        method: The name of the method.
        hook: The hook's name, for the warning.
        steps: The generator function. A ``TsdiaRunError`` that it raises before the call stops the script.
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
    except Exception as error:  # the training must continue as if there were no hook
        warn(hook, error)
        return None, given


def _close(hook: str, running: Steps) -> None:
    try:
        running.close()
    except Exception as error:  # as above; the error of the method is raised
        warn(hook, error)


def _finish(hook: str, running: Steps, result: object) -> None:
    try:
        running.send(result)
    except StopIteration:
        return
    except Exception as error:  # as above
        warn(hook, error)
