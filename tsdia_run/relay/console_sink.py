"""The console output: it never blocks the training.

Output that the console can't take at once waits in a bounded backlog. Beyond that, output is skipped: a marker shows
where, and the last skipped lines follow it, because the user looks for the traceback at the end of a flood. Output to a
closed console (closed terminal, ``| head``) is discarded.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from tsdia_run.relay.console_pipe import ConsolePipe
from tsdia_run.relay.state import SinkState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

BACKLOG_BYTES = 1024 * 1024
# A terminal takes a few megabytes per second, more than a user can read. Writing a flood must not take time from
# reading its source. So a flood is shown in slices, with a larger backlog, so that a long table is shown completely.
TERMINAL_BACKLOG_BYTES = 4 * 1024 * 1024
# About one screen of lines; with the marker before it, a pipe writes it atomically (PIPE_BUF).
_TAIL_BYTES = 4096 - 256
_FLOOD_BYTES = 64 * 1024
_SLICE_BYTES = 256 * 1024
_SLICE_S = 0.02
_PIPE_BYTES = 1024 * 1024
_PASS_BYTES = 64 * 1024


class ConsoleSink:
    """One output of tsdia-run. Its descriptor is not changed, since other processes share it.

    Args:
        fd: The descriptor; None if there is no console.
        pipe: Both ends of a pipe for the way to the console.
        note: As for ``ConsolePipe``.

    Attributes:
        is_changed: Whether skipping began or ended since the last ``state``; only a new state tells of that.
    """

    def __init__(
        self,
        fd: int | None,
        pipe: tuple[int, int] | None = None,
        note: Callable[[int, int | None], None] = lambda _sent, _in_pipe: None,
    ) -> None:
        self.is_changed = False
        self._ahead = 0  # how much of the next output a killed relay has written already
        self._fd = None if fd is None else _unblocked(fd)
        self._pipe = None if self._fd is None else ConsolePipe(self._fd, pipe or os.pipe(), note)
        self._is_terminal = self._fd is not None and os.isatty(self._fd)
        self._limit = TERMINAL_BACKLOG_BYTES if self._is_terminal else BACKLOG_BYTES
        self._sliced_s = 0.0
        self._backlog: list[bytes | memoryview] = []
        self._backlog_bytes = 0
        self._skipped = 0
        self._tail = b""  # the end of the skipped output
        self._is_torn = False

    @property
    def waiting_fd(self) -> int | None:
        """The descriptor to poll for writing; None if nothing waits."""
        return self._fd if self._backlog or (self._pipe is not None and not self._pipe.is_empty) else None

    def write(self, data: bytes) -> None:
        """Write the data, keep it for later, or skip it."""
        if self._pipe is None:
            return
        if self._skipped or self._backlog_bytes + len(data) > self._limit:
            self.is_changed = self.is_changed or not self._skipped
            self._skip(data)
            if self._backlog:
                return
            self._go_on()
        else:
            self._queue(data)
        self.flush(is_flooded=len(data) >= _FLOOD_BYTES)

    def flush(self, *, is_flooded: bool = False) -> None:
        """Write as much of the backlog as the console takes.

        Args:
            is_flooded: Whether the input rate is so high that a terminal only gets a slice from time to time.
        """
        self._pass_over()
        left = self._backlog_bytes
        if is_flooded and self._is_terminal:
            now = time.monotonic()
            if now - self._sliced_s < _SLICE_S:
                return
            self._sliced_s = now
            left = _SLICE_BYTES
        try:
            self._move(left)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(error)

    def _move(self, left: int) -> None:
        if self._pipe is not None and not self._pipe.is_empty:
            self._pipe.flush()
        while self._backlog and self._pipe is not None and left > 0:
            written = self._pipe.write(self._backlog[0])
            left -= written
            if written:
                self._drop(written)

    def _drop(self, written: int) -> None:
        """Remove from the backlog what the console has."""
        data = self._backlog[0]
        self._backlog_bytes -= written
        self._is_torn = data[written - 1] != 0x0A
        if written == len(data):
            self._backlog.pop(0)
            if not self._backlog:
                self._go_on()
        else:
            self._backlog[0] = memoryview(data)[written:]

    def _pass_over(self) -> None:
        while self._ahead and self._backlog:
            written = min(self._ahead, len(self._backlog[0]))
            self._ahead -= written
            self._drop(written)

    def state(self) -> SinkState:
        """Return what the console has still to get, and count what it gets from now on."""
        self.is_changed = False
        if self._pipe is not None:
            self._pipe.restart()
        return SinkState(b"".join(self._backlog), self._skipped, self._tail, is_torn=self._is_torn)

    def restore(self, state: SinkState, sent: tuple[int, int | None]) -> None:
        """Continue for a killed relay.

        Args:
            state: What its console had still to get.
            sent: Its last note about what the console got of that, and of what was written later.
        """
        self._queue(state.backlog)
        self._skipped, self._tail, self._is_torn = state.skipped, state.tail, state.is_torn
        if self._pipe is not None:
            self._ahead = self._pipe.continue_from(*sent)

    def end_restoring(self) -> None:
        """Write what a killed relay has not written; everything that it had read was passed to ``write``."""
        self._ahead = 0
        self.flush()

    def skip_backlog(self) -> None:
        """Discard the backlog of a slow console."""
        if self._pipe is not None:
            self._queue(self._pipe.take_back(), at=0)
        self._skipped += self._backlog_bytes
        self._tail = (b"".join(self._backlog) + self._tail)[-_TAIL_BYTES:]
        self._backlog.clear()
        self._backlog_bytes = 0

    def finish(self) -> None:
        """Write the marker for skipped output, if the backlog is empty."""
        if self.waiting_fd is None:
            self._go_on()
            self.flush()

    def _skip(self, data: bytes) -> None:
        self._skipped += len(data)
        self._tail = (self._tail + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]

    def _go_on(self) -> None:
        """Write a marker and then the end of the skipped output, from the start of a line."""
        self.is_changed = self.is_changed or bool(self._skipped)
        shown = self._tail
        if self._skipped > len(shown):  # only a part is kept
            shown = shown[shown.find(b"\n") + 1 :]
            shown = self._mark(self._skipped - len(shown)) + shown
        self._queue(shown)
        self._skipped = 0
        self._tail = b""

    def _queue(self, data: bytes, *, at: int | None = None) -> None:
        if data:
            self._backlog.insert(len(self._backlog) if at is None else at, data)
            self._backlog_bytes += len(data)

    def _mark(self, skipped: int) -> bytes:
        text = f"[tsdia-run: {skipped} bytes skipped here: this output was stalled; the log is complete]"
        lead = ("\x1b[0m\r\n" if self._is_terminal else "\n") if self._is_torn else ""
        return f"{lead}{text}\n".encode()

    def _fail(self, error: OSError) -> None:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # a file; space may become free again
            self.skip_backlog()
            return
        self._fd = self._pipe = None
        self._backlog.clear()
        self._backlog_bytes = 0


def _unblocked(fd: int) -> int:
    """Return a descriptor of the same output whose writes don't block.

    ``O_NONBLOCK`` belongs to the open file description, which is shared with the shell. So terminals and pipes are
    opened a second time. A file doesn't block. For anything else (a socket, a terminal of another user) a child process
    blocks instead.
    """
    mode = os.fstat(fd).st_mode
    if os.isatty(fd) or stat.S_ISFIFO(mode):
        try:
            own = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return _start_copying(fd)
        _enlarge(own)
        return own
    return fd if stat.S_ISREG(mode) or stat.S_ISCHR(mode) else _start_copying(fd)


def _enlarge(pipe: int) -> None:
    import fcntl

    if hasattr(fcntl, "F_SETPIPE_SZ"):
        try:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:
            return  # not a pipe, or the user's limit for pipe buffers is reached


def _start_copying(fd: int) -> int:
    """Start a child that copies a pipe to ``fd``, and return the write end of the pipe."""
    source, sink = os.pipe()
    if os.fork():
        os.close(source)
        os.set_blocking(sink, False)
        return sink
    try:
        os.dup2(source, 0)
        os.dup2(fd, 1)
        os.closerange(2, 65536)
        while data := os.read(0, _PASS_BYTES):
            while data:
                data = data[os.write(1, data) :]
    finally:
        os._exit(0)
