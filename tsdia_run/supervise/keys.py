r"""Give Ctrl-C, Ctrl-Z and Ctrl-\ to the training if it takes them itself: in raw mode, a shell, or at a prompt."""

from __future__ import annotations

import os
import signal
import termios
import time
from contextlib import suppress
from typing import Any

from tsdia_run.supervise.run_processes import RunProcesses
from tsdia_run.supervise.terminal_reads import waits_for_input

_CONTROLS = {signal.SIGINT: termios.VINTR, signal.SIGQUIT: termios.VQUIT, signal.SIGTSTP: termios.VSUSP}
_LFLAG, _CC = 3, 6
_DISABLED = b"\0"
# A process that has just printed its prompt needs a moment until it reads.
_TRIES = 2
_BETWEEN_TRIES_S = 0.03


class TrainingKeys:
    """The keys that the training takes itself.

    Args:
        processes: The processes of the run.
        terminal: The master side of the training's terminal; None without one.
    """

    def __init__(self, processes: RunProcesses, terminal: int | None) -> None:
        self._processes = processes
        self._terminal = terminal

    def take(self, number: int, child: int) -> bool:
        """Give a typed key to the training if the training takes it.

        Args:
            number: The signal of the key.
            child: The direct child, whose process group has the terminal unless a program such as a shell took it.

        Returns:
            Whether the training got the key; otherwise it is a request to tsdia-run.
        """
        if number not in _CONTROLS:
            return False
        if self._terminal is not None and (self._is_raw() or self._foreground() not in (None, child)):
            return self._type(signal.Signals(number))
        return number == signal.SIGINT and self._interrupt_reader()

    def _interrupt_reader(self) -> bool:
        """Send Ctrl-C to the processes that wait for input from their terminal."""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_BETWEEN_TRIES_S)
            readers = [pid for pid in self._processes.own() if waits_for_input(pid)]
            if readers:
                break
        in_foreground = [pid for pid in readers if _group(pid) == self._foreground()]
        # The terminal also discards the unfinished line. Ranks have sessions of their own, without a terminal.
        if not (in_foreground and self._type(signal.SIGINT)):
            self._processes.signal(readers, signal.SIGINT)
        return bool(readers)

    def _is_raw(self) -> bool:
        modes = self._modes()
        return modes is not None and not modes[_LFLAG] & termios.ISIG

    def _modes(self) -> list[Any] | None:
        with suppress(termios.error):
            return termios.tcgetattr(self._terminal) if self._terminal is not None else None
        return None

    def _foreground(self) -> int | None:
        """Return the living process group that has the training's terminal; None if there is none."""
        if self._terminal is None:
            return None
        with suppress(OSError):
            group = os.tcgetpgrp(self._terminal)
            if group > 1:
                os.killpg(group, 0)
                return group
        return None

    def _type(self, number: signal.Signals) -> bool:
        """Write the key into the training's terminal; return whether that worked."""
        modes = self._modes()
        if self._terminal is None or modes is None or modes[_CC][_CONTROLS[number]] == _DISABLED:
            return False
        with suppress(OSError):
            return os.write(self._terminal, modes[_CC][_CONTROLS[number]]) == 1
        return False


def _group(pid: int) -> int:
    with suppress(OSError):
        return os.getpgid(pid)
    return 0
