"""Where the output of a training comes from: a pipe, or the master side of its terminal."""

from __future__ import annotations

import errno
import fcntl
import os
import time

from tsdia_run.relay.console_pipe import waiting_bytes
from tsdia_run.relay.journal import READ_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tsdia_run.relay.journal import Journal, JournalEntry

# Linux only, and missing in some builds of Python's fcntl.
F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", 1031)
_PIPE_BYTES = 1024 * 1024
# A terminal returns at most this much at a time.
_TERMINAL_BYTES = 4 * 1024
_NOW = getattr(os, "SPLICE_F_NONBLOCK", 2)
# After a full read of a terminal, the kernel refills it on another CPU. Polling for that costs less than sleeping and
# waking up for each 4 KiB: 100 MB took 0.8 s instead of 1.6 s.
_FLOOD_BYTES = 2 * 1024
_REFILL_S = 50e-6


class PipeSource:
    """A pipe.

    Args:
        fd: Its read end.
        stream: The number of the stream.
    """

    def __init__(self, fd: int, stream: int) -> None:
        self.fd = fd
        self._stream = stream
        _prepare(fd)

    def take(self, journal: Journal, now: float) -> tuple[JournalEntry, bytes | None]:
        """Take output; as ``Journal.take``."""
        return journal.take(self.fd, self._stream, now)


class TerminalSource:
    """The master side of a terminal. The kernel can't splice it into a file, so a pipe is in between.

    Args:
        fd: The master side.
        stream: The number of the stream.
        pipe: Both ends of the pipe, which a new relay finds as the killed one left it.
    """

    def __init__(self, fd: int, stream: int, pipe: tuple[int, int]) -> None:
        self.fd = fd
        self._stream = stream
        self._pipe = pipe
        _prepare(fd)
        _prepare(pipe[0])

    def take(self, journal: Journal, now: float) -> tuple[JournalEntry, bytes | None]:
        """Take output; as ``Journal.take``."""
        try:
            is_at_end = self._fill()
        except (AttributeError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in (errno.EINVAL, errno.ENOSYS):
                raise
            return self._read(journal, now)  # Linux 5.10 can't splice a terminal, and some builds of Python lack splice
        entry, data = journal.take(self._pipe[0], self._stream, now)
        return entry, b"" if data is None and is_at_end else data

    def _fill(self) -> bool:
        """Move output into the pipe; return whether the terminal is at its end."""
        size = 0
        while size < READ_BYTES:
            try:
                moved = os.splice(self.fd, self._pipe[1], _TERMINAL_BYTES, flags=_NOW)
            except BlockingIOError:  # no output, or the pipe is full
                return False
            except OSError as error:
                if error.errno == errno.EIO:  # no process has the other side open any more
                    return True
                raise
            size += moved
            if moved >= _FLOOD_BYTES:
                late_s = time.monotonic() + _REFILL_S
                while self._is_slow() and time.monotonic() < late_s:
                    pass
        return False

    def _is_slow(self) -> bool:
        try:
            return waiting_bytes(self.fd) < _FLOOD_BYTES
        except OSError:  # the next call reports the error
            return False

    def _read(self, journal: Journal, now: float) -> tuple[JournalEntry, bytes | None]:
        try:
            data: bytes | None = os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            data = None
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        return journal.put(self._stream, now, data or b""), data


def _prepare(source: int) -> None:
    os.set_blocking(source, False)
    try:
        fcntl.fcntl(source, F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        return  # a terminal, or the user's limit for pipe buffers is reached
