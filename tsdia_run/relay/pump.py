"""Pipes -> console and log file, until end-of-file.

The relay outlives the supervisor: it ends when nobody holds the write ends any more, or, once the supervisor has said
that the training ended, at a deadline. It ignores the signals of the terminal. A console or a log that can not be
written does not stop it, since the training would block behind it.
"""

import json
import os
import selectors
import signal
import time

_CHUNK_BYTES = 256 * 1024
_IGNORED = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGPIPE,
    signal.SIGTSTP,
    signal.SIGTTOU,
    signal.SIGTTIN,
)


def pump(log: str, stdout: int, stderr: int, control: int) -> None:
    """Copy until the end.

    Args:
        log: Path of the log file; it is appended to.
        stdout: Read end of the training's standard output; copied to our standard output.
        stderr: Read end of its standard error; copied to ours.
        control: Read end of the supervisor's pipe: JSON lines; end-of-file means that the supervisor died.
    """
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    sinks = {stdout: _Sink(1), stderr: _Sink(2)}
    log_sink = _Sink(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644))
    selector = selectors.DefaultSelector()
    for fd in (stdout, stderr, control):
        selector.register(fd, selectors.EVENT_READ)
    deadline_s: float | None = None
    open_sources = {stdout, stderr}
    while open_sources and (deadline_s is None or time.monotonic() < deadline_s):
        wait_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
        for key, _ in selector.select(wait_s):
            data = os.read(key.fd, _CHUNK_BYTES)
            if not data:
                selector.unregister(key.fd)
                open_sources.discard(key.fd)
            elif key.fd == control:
                deadline_s = time.monotonic() + json.loads(data)["drain"]
            else:
                log_sink.write(data)
                sinks[key.fd].write(data)


class _Sink:
    """A descriptor that is given up at its first error: a closed terminal, a full disk."""

    def __init__(self, fd: int) -> None:
        self._fd: int | None = fd

    def write(self, data: bytes) -> None:
        """Write all of ``data``, unless the descriptor was given up."""
        view = memoryview(data)
        while view and self._fd is not None:
            try:
                view = view[os.write(self._fd, view) :]
            except OSError:
                self._fd = None
