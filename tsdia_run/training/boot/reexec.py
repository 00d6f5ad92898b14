"""A script that replaces itself by another program (``os.execv``), as some do to set PYTHONHASHSEED or LD_LIBRARY_PATH.

Where the new program is Python with a script, the bootstrap is put before it again,
so that nothing is lost; any other program is a warning. The ``alive`` lock is held across the change.
"""

from __future__ import annotations

import os
import sys

from tsdia_run.training.boot.repeated_names import ALIVE_FD

TYPE_CHECKING = False  # importing typing or collections costs milliseconds of somebody's start
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

# Options of Python that take a value, in the same word or as the next one.
_WITH_VALUE = "XW"


def with_bootstrap(program: str, argv: Sequence[str], bootstrap: str, module: str | None) -> list[str] | None:
    """A command line with the bootstrap before the script, None where it is not Python with a script.

    Args:
        program: The path of the program.
        argv: Its command line.
        bootstrap: The path of the bootstrap.
        module: The module that runs now; None for a script. Any other module may be a launcher, which is left alone.
    """
    name = os.path.basename(program)
    if not (name.startswith("python") or os.path.realpath(program) == os.path.realpath(sys.executable)):
        return None
    options, rest = _split(list(argv[1:]))
    what = rest[:1]
    if what == ["-m"]:
        is_script = module is not None and rest[1:2] == [module]
    else:
        is_script = what not in ([], ["-c"], ["-"]) and os.path.isfile(rest[0])
    if not is_script:
        return None
    has_it = os.path.realpath(rest[0]) == os.path.realpath(bootstrap)  # from sys.orig_argv
    return [*argv[:1], *options, *([] if has_it else [bootstrap]), *rest]


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Python's own options, and what it runs with its arguments, which may begin with ``-m`` or ``-c``."""
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
        path: As these take it.
        argv: As these take it.
        env: As ``os.execve`` takes it; None for ``os.execv``.
        rank: The bootstrap's, with ``alive_fd``, ``bootstrap``, ``module``, ``say`` and ``variables``, which tsdia-run
            has set.

    Raises:
        OSError: There is no such program, as ``os.execv`` says it.
    """
    words = _words(path, argv, rank)
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
    finally:  # there is no such program
        os.environ.pop(ALIVE_FD, None)
        if rank.alive_fd is not None:
            os.set_inheritable(rank.alive_fd, False)


def _words(path: Any, argv: Sequence[Any], rank: Any) -> list[str] | None:
    """The new command line; None, and a warning, where the program gets no hooks."""
    try:
        program = f"/proc/self/fd/{path}" if isinstance(path, int) else os.fsdecode(path)
        words = with_bootstrap(program, [os.fsdecode(word) for word in argv], rank.bootstrap, rank.module)
        if words is None and os.access(program, os.X_OK):
            rank.say(
                f"warning: the script replaces itself with {program}, which runs without hooks: no metrics, checkpoint"
                " manifests or exit record from here on"
            )
    except (TypeError, ValueError):  # os.execv will say what is wrong
        return None
    return words
