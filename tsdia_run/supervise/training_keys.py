r"""Give Ctrl-C, Ctrl-Z and Ctrl-\ to the training if it takes them itself: in raw mode, a shell, or at a prompt."""

from __future__ import annotations

import fcntl
import os
import signal
import termios
import time
from contextlib import suppress
from typing import Any

from tsdia_run.claim.processes import environment, running, with_descendants
from tsdia_run.rundir import env
from tsdia_run.supervise.run_processes import RunProcesses
from tsdia_run.supervise.terminal_reads import waits_for_input

_CONTROLS = {signal.SIGINT: termios.VINTR, signal.SIGQUIT: termios.VQUIT, signal.SIGTSTP: termios.VSUSP}
_LFLAG, _CC = 3, 6
_MARK = f"{env.SUPERVISOR}=".encode()
_DISABLED = b"\0"
# Opens the other side of a pseudo-terminal: ioctl_tty(2). Python has no name for it.
_TIOCGPTPEER = 0x5441
# A process that has just printed its prompt needs a moment until it reads.
_TRIES = 3
_BETWEEN_TRIES_S = 0.05


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
        return number == signal.SIGINT and self._interrupt_readers(child)

    def _interrupt_readers(self, child: int) -> bool:
        """Send Ctrl-C to the processes that wait for input from their terminal."""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_BETWEEN_TRIES_S)
            # A quick search: the next key may end the program.
            readers = [pid for pid in with_descendants([child], running()) if _reads_keys(pid)]
            if readers:
                break
        if readers:
            # Not through the terminal: its foreground group has other processes too, such as the workers of a loader.
            self._discard_line()
            self._processes.signal(readers, signal.SIGINT)
        return bool(readers)

    def _discard_line(self) -> None:
        """Discard the unfinished line that was typed, as a terminal does on Ctrl-C."""
        if self._terminal is None:
            return
        with suppress(OSError, termios.error):
            side = fcntl.ioctl(self._terminal, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
            termios.tcflush(side, termios.TCIFLUSH)
            os.close(side)

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


def _reads_keys(pid: int) -> bool:
    """Return whether a process waits for input; the relay of a run inside the training only passes it on."""
    return waits_for_input(pid) and not any(word.startswith(_MARK) for word in environment(pid))
