"""Write to a console so that a new relay knows how much a killed one has written.

What is in a console can't be counted: its reader takes it away. So output first goes into a pipe that the supervisor
holds and that nothing but the relay empties: the number of bytes in it is known at any time. From there the kernel
moves it to the console, in one call.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
import termios

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_NOW = getattr(os, "SPLICE_F_NONBLOCK", 2)


class ConsolePipe:
    """The way to one console. A console that can't be spliced to is written directly.

    Args:
        console: Its descriptor; writing never blocks.
        pipe: Both ends of the pipe.
        note: Called before each step with the number of bytes written so far, and with the number of bytes in the pipe
            if more may follow them into the pipe.
    """

    def __init__(self, console: int, pipe: tuple[int, int], note: Callable[[int, int | None], None]) -> None:
        self._console = console
        self._read, self._write = pipe
        self._note = note
        self._sent = 0
        for end in pipe:
            os.set_blocking(end, False)
        self._can_splice = self._is_spliceable()
        self._waiting = waiting_bytes(self._read)

    def _is_spliceable(self) -> bool:
        if stat.S_ISCHR(os.fstat(self._console).st_mode) and not os.isatty(self._console):
            return False  # /dev/null
        try:
            os.splice(self._read, self._console, 1, flags=_NOW)
        except BlockingIOError:
            return True
        except (AttributeError, OSError):  # a file opened for appending, and some devices
            return False
        return True

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits in the pipe."""
        return not self._waiting

    def restart(self) -> None:
        """Count from here on; what is in the pipe counts as written."""
        self._sent = 0

    def continue_from(self, sent: int, in_pipe: int | None) -> int:
        """Continue for a killed relay, whose last note is given; return how many bytes it wrote."""
        self._sent = sent if in_pipe is None else sent + self._waiting - in_pipe
        return self._sent

    def write(self, data: bytes | memoryview) -> int:
        """Write the start of the data; return its size.

        Raises:
            OSError: Nothing can be written, now or for ever.
        """
        if not self._can_splice:
            written = os.write(self._console, data)
            self._sent += written
            self._note(self._sent, None)
            return written
        self._note(self._sent, self._waiting)
        try:
            written = os.write(self._write, data)
        except BlockingIOError:
            self.flush()  # full
            return 0
        self._waiting += written
        self._sent += written
        try:
            self.flush()
        except OSError:
            return written  # the next flush reports it
        return written

    def flush(self) -> None:
        """Move to the console what it takes.

        Raises:
            OSError: It takes nothing, now or for ever.
        """
        self._note(self._sent, None)
        while self._waiting:
            self._waiting -= os.splice(self._read, self._console, self._waiting, flags=_NOW)

    def take_back(self) -> bytes:
        """Return what is in the pipe, and empty it."""
        waiting, self._waiting = self._waiting, 0
        return os.read(self._read, waiting) if waiting else b""


def waiting_bytes(fd: int) -> int:
    """Return how many bytes can be read from a pipe or terminal at once.

    Raises:
        OSError: The terminal has no other side any more.
    """
    count = bytearray(4)
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return int.from_bytes(count, sys.byteorder)
