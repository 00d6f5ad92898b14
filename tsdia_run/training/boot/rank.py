"""This process as a rank of the run: its lock, its stacks, its guard, its exit record.

This module imports only modules that Python loads at its start; each other import costs start time.
"""

from __future__ import annotations

import os
import sys

from tsdia_run.training.boot.attempt_files import (
    SAFE,
    STACKS_SIGNAL,
    attempt_directory,
    exit_record_name,
    hold_alive,
    say,
    stacks_name,
    write_record,
)
from tsdia_run.training.boot.exit_record import exit_record
from tsdia_run.training.boot.import_hooks import HookFinder
from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.boot.reexec import replace_process
from tsdia_run.training.boot.repeated_names import CHECKPOINT, HOOKS, PREFIX, RUN_DIR

# A signal handler of the script may raise at any time: torch's does for each killed worker of a data loader.
_TRIES = 5

TYPE_CHECKING = False  # importing typing would take 10 ms
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from tsdia_run.training.boot.overwriting import OverwriteGuard


class Rank:
    """This process as a rank of the run. A fork of this process does not count as a rank.

    Args:
        bootstrap: The path of ``bootstrap.py``.
    """

    def __init__(self, bootstrap: str) -> None:
        # Read now, because the script may change its environment.
        self._directory = attempt_directory(os.environ)
        number = os.environ.get("RANK", "")
        self._number = int(number) if number.isdecimal() else 0
        self._pid = os.getpid()
        # Used by ``reexec.py``.
        self.bootstrap = bootstrap
        self.module = sys.argv[2] if sys.argv[1:2] == ["-m"] and len(sys.argv) > 2 else None
        self.say = say
        self.alive_fd = hold_alive(os.environ)
        self.variables = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
        self._stacks = -1 if self._directory is None else self._show_stacks(self._directory)

    def _show_stacks(self, directory: str) -> int:
        """Print the Python stacks to stderr when the process crashes, and write them to a file on ``STACKS_SIGNAL``.

        Returns:
            The descriptor of the file, open until the process ends; -1 if there is no file.
        """
        import faulthandler

        fd = -1
        try:
            if not faulthandler.is_enabled():
                faulthandler.enable()
            path = os.path.join(directory, stacks_name(self._number))
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | SAFE, 0o644)
            # Scripts and batch systems do not use this signal.
            faulthandler.register(STACKS_SIGNAL, fd, all_threads=True)
        except (OSError, ValueError, AttributeError, RuntimeError):  # no stderr, or the disk is full
            pass
        return fd

    def watch_exec(self) -> None:
        """Keep the hooks if the script replaces its process; ``os.execvp`` and similar functions call these two."""
        for name in ("execv", "execve"):
            setattr(os, name, self._watched(getattr(os, name)))

    def _watched(self, original: Any) -> Any:
        def execute(path: Any, argv: Any, env: Any = None) -> None:
            if os.getpid() == self._pid:
                replace_process(original, path, argv, env, self)
            elif env is None:
                original(path, argv)
            else:
                original(path, argv, env)

        execute.__name__, execute.__doc__ = original.__name__, original.__doc__
        return execute

    def finder(self) -> HookFinder:
        """Return the first finder for the script's imports."""
        hooks = os.environ.get(HOOKS, "")
        if "checkpoints" in hooks.split(","):
            RANK.guard = self._guard()
        return HookFinder(self.say, RANK.guard, has_hooks=bool(hooks))

    def _guard(self) -> OverwriteGuard | None:
        """Return the guard of the checkpoint to resume from; None if the attempt has no checkpoint."""
        if self._directory is None or not os.environ.get(CHECKPOINT):
            return None
        try:
            from tsdia_run.training.boot.observed import ObservedReads
            from tsdia_run.training.boot.overwriting import guard_checkpoints

            run_dir = os.environ[RUN_DIR]
            return guard_checkpoints(ObservedReads(run_dir, self._directory, self.say))
        except Exception as error:  # the training continues without the guard
            self.say(f"warning: checkpoints are not protected against overwriting: {type(error).__name__}: {error}")
            return None

    def ended(self, error: BaseException | None, trace: TracebackType | None) -> None:
        """Write the exit record, if this process is a rank of a run.

        Args:
            error: The exception that ended the script; None for a normal end.
            trace: The part of its traceback that belongs to the script.
        """
        if self._directory is None or os.getpid() != self._pid:
            return
        self._close_stacks(os.path.join(self._directory, stacks_name(self._number)))
        problem = ""
        for _ in range(_TRIES):
            try:
                record = exit_record(error, trace, self._number)
                problem = write_record(self._directory, exit_record_name(self._number), record) or ""
            except BaseException as failure:  # of a class of the script, or of a signal handler
                problem = f"warning: could not record how the script ended: {type(failure).__name__}"
            if not problem:
                return
        self.say(problem)

    def _close_stacks(self, path: str) -> None:
        """Remove the empty file, and close it: the exit record needs a descriptor, and the script may have used all."""
        try:
            if not os.stat(path).st_size:
                os.unlink(path)
        except OSError:  # the script may have moved its directory
            pass
        if self._stacks >= 0:
            sys.modules["faulthandler"].unregister(STACKS_SIGNAL)
            os.close(self._stacks)
            self._stacks = -1
