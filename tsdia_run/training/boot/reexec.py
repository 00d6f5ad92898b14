"""Keep the hooks when a script replaces its process with ``os.execv``, for example to set PYTHONHASHSEED.

If the new program is Python with a script, the bootstrap runs that script, so that the hooks and the exit record are
kept. Any other program causes a warning. The process keeps the ``alive`` lock.
"""

from __future__ import annotations

import os
import sys

from tsdia_run.training.boot.repeated_names import ALIVE_FD

TYPE_CHECKING = False  # importing typing or collections would delay each start by milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

# Options of Python that take a value, in the same word or in the next one.
_WITH_VALUE = "XW"


def with_bootstrap(program: str, argv: Sequence[str], bootstrap: str, module: str | None) -> list[str] | None:
    """Return the command line with the bootstrap before the script; None if it is not Python with a script.

    Args:
        program: The path of the program.
        argv: Its command line.
        bootstrap: The path of ``bootstrap.py``.
        module: The module that runs now; None for a script. Any other module may be a launcher, which is not changed.
    """
    name = os.path.basename(program)
    if not (name.startswith("python") or os.path.realpath(program) == os.path.realpath(sys.executable)):
        return None
    options, rest = _split(list(argv[1:]))
    first = rest[:1]
    if first == ["-m"]:
        is_script = module is not None and rest[1:2] == [module]
    else:
        is_script = first not in ([], ["-c"], ["-"]) and os.path.isfile(rest[0])
    if not is_script:
        return None
    has_bootstrap = os.path.realpath(rest[0]) == os.path.realpath(bootstrap)  # from sys.orig_argv
    return [*argv[:1], *options, *([] if has_bootstrap else [bootstrap]), *rest]


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Split into Python's own options, and the script, ``-m`` or ``-c`` with its arguments."""
    options: list[str] = []
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        letters = "" if word.startswith("--") else word[1:]
        at = next((place for place, letter in enumerate(letters) if letter in f"cm{_WITH_VALUE}"), None)
        value = letters[at + 1 :] if at is not None else ""
        if at is not None and letters[at] in "cm":
            flags = [f"-{letters[:at]}"] if at else []
            return [*options, *flags], [f"-{letters[at]}", *([value] if value else []), *words]
        options.append(word)
        if (at is not None and not value) or word == "--check-hash-based-pycs":
            options += words[:1]
            words = words[1:]
    return options, words


def replace_process(
    execute: Callable[..., None], path: Any, argv: Sequence[Any], env: Mapping[Any, Any] | None, rank: Any
) -> None:
    """Replace this process, which is a rank of the run.

    Args:
        execute: The original ``os.execv`` or ``os.execve``.
        path: The argument of these functions.
        argv: The argument of these functions.
        env: The argument of ``os.execve``; None for ``os.execv``.
        rank: The ``Rank`` of the bootstrap, with ``alive_fd``, ``bootstrap``, ``module``, ``say``, and with the
            ``variables`` that tsdia-run has set.

    Raises:
        OSError: The program can't be run, as in ``os.execv``.
    """
    words = _command_line(path, argv, rank)
    variables = dict(rank.variables)
    if rank.alive_fd is not None:
        os.set_inheritable(rank.alive_fd, True)
        if words is not None:
            variables[ALIVE_FD] = str(rank.alive_fd)
    try:
        if env is None:
            os.environ.update(variables)
            execute(path, words or argv)
        else:
            execute(path, words or argv, {**env, **variables})
    finally:  # reached only if the program can't be run
        os.environ.pop(ALIVE_FD, None)
        if rank.alive_fd is not None:
            os.set_inheritable(rank.alive_fd, False)


def _command_line(path: Any, argv: Sequence[Any], rank: Any) -> list[str] | None:
    """Return the new command line; None after a warning if the program runs without hooks."""
    try:
        program = f"/proc/self/fd/{path}" if isinstance(path, int) else os.fsdecode(path)
        words = with_bootstrap(program, [os.fsdecode(word) for word in argv], rank.bootstrap, rank.module)
        if words is None and os.access(program, os.X_OK):
            rank.say(
                f"warning: the script replaces itself with {program}, which runs without hooks: no metrics, checkpoint"
                " manifests or exit record from here on"
            )
    except (TypeError, ValueError):  # os.execv raises the error
        return None
    return words
