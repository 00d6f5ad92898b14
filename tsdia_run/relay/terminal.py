r"""The user's terminal while the training runs on a pseudo-terminal: its keys, size and modes.

The pseudo-terminal does line editing and echo, so the user's terminal passes keys on as they are typed. Ctrl-C, Ctrl-Z
and Ctrl-\ remain signals to the supervisor's process group, unless the training takes them as keys too (ipdb, vim).
This only applies while that group is in the foreground; in the background the terminal belongs to the shell.
"""

from __future__ import annotations

import fcntl
import os
import termios

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tsdia_run.relay.spec import TerminalSpec

_KEYS_BYTES = 1024
_IFLAG, _LFLAG, _CC = 0, 3, 6


def copy_size(user: int, master: int) -> None:
    """Copy the size of the user's terminal to the training's, whose foreground group gets SIGWINCH if it changed."""
    try:
        size = fcntl.ioctl(user, termios.TIOCGWINSZ, bytes(8))
        fcntl.ioctl(master, termios.TIOCSWINSZ, size)
    except OSError:
        return  # closed; reading keys reports it


def size_of(terminal: int) -> tuple[int, int]:
    """Return the rows and columns of a terminal; zeros if it has no size."""
    try:
        size = os.get_terminal_size(terminal)
    except OSError:
        return (0, 0)
    return (size.lines, size.columns)


class Terminal:
    """The user's terminal.

    Args:
        spec: Its descriptor, and its modes before the first relay changed them.
        master: The master side of the training's pseudo-terminal.
    """

    def __init__(self, spec: TerminalSpec, master: int) -> None:
        self._fd = spec.fd
        self._original = spec.modes
        self._master = master
        self._keys = b""
        self._modes = self._passing()
        self._is_taken = False
        self._is_gone = False

    @property
    def reading_fd(self) -> int | None:
        """The descriptor to poll for keys; None while the relay must not read them."""
        return self._fd if self._is_taken and not self._keys else None

    @property
    def is_away(self) -> bool:
        """Whether the terminal belongs to the shell now, but may come back."""
        return not self._is_taken and not self._is_gone

    @property
    def has_keys(self) -> bool:
        """Whether keys wait for the training's terminal."""
        return bool(self._keys)

    def take(self) -> None:
        """Start passing keys on, if the process group is in the foreground; follow the modes if that has happened."""
        self.follow()
        if self._is_taken or self._is_gone or not self._is_foreground():
            return
        self._modes = self._passing()
        try:
            termios.tcsetattr(self._fd, termios.TCSANOW, self._modes)
        except termios.error:
            return
        self._is_taken = True
        copy_size(self._fd, self._master)

    def follow(self) -> None:
        """Follow the modes of the training's terminal; call it when the training's output was read."""
        if not self._is_taken:
            return
        modes = self._passing()
        if modes == self._modes or not self._is_foreground():
            return
        try:
            termios.tcsetattr(self._fd, termios.TCSANOW, modes)
        except termios.error:
            return
        self._modes = modes

    def give_back(self) -> None:
        """Restore the modes, unless another process has changed them since (the shell, after the supervisor died)."""
        if not self._is_taken:
            return
        self._is_taken = False
        try:
            if self._is_foreground() or termios.tcgetattr(self._fd)[: _CC - 2] == self._modes[: _CC - 2]:
                termios.tcsetattr(self._fd, termios.TCSANOW, self._original)
        except termios.error:
            self._is_gone = True

    def read_keys(self) -> None:
        """Read keys and pass them on."""
        if not self._is_foreground():
            self._is_taken = False
            return
        try:
            self._keys = os.read(self._fd, _KEYS_BYTES)
        except OSError:
            self._is_taken = False  # moved to the background, or closed
            return
        if not self._keys:
            self._is_taken = False
            self._is_gone = True
        self.pass_keys()

    def pass_keys(self) -> None:
        """Write waiting keys to the training's terminal, as far as it takes them."""
        try:
            self._keys = self._keys[os.write(self._master, self._keys) :] if self._keys else b""
        except BlockingIOError:
            return
        except OSError:
            self._keys = b""

    def _is_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            self._is_gone = True
            return False

    def _passing(self) -> list[Any]:
        r"""Return the modes that pass keys on as they are typed. Output is still processed: a newline starts a line.

        Ctrl-C, Ctrl-Z and Ctrl-\ are keys while they are keys in the training's terminal, and so are Ctrl-S and Ctrl-Q.
        """
        modes: list[Any] = [*self._original]
        modes[_IFLAG] = self._original[_IFLAG] & ~(termios.ICRNL | termios.INLCR | termios.IGNCR)
        modes[_LFLAG] = self._original[_LFLAG] & ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        try:
            training = termios.tcgetattr(self._master)
        except termios.error:
            training = self._original
        modes[_IFLAG] &= training[_IFLAG] | ~termios.IXON
        modes[_LFLAG] &= training[_LFLAG] | ~termios.ISIG
        modes[_CC] = [*self._original[_CC]]
        modes[_CC][termios.VMIN], modes[_CC][termios.VTIME] = 1, 0
        return modes
