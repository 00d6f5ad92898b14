"""Signals as bytes in a pipe, so that one event loop sees all events."""

from __future__ import annotations

import os
import signal
from types import FrameType

# SIGHUP is watched so that it does not end the supervisor: a closed terminal does not stop a training.
WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTSTP)


class SignalPipe:
    """Collects the watched signals while it is open; restores the old handlers at the end.

    The handlers do nothing. SIG_IGN would not work: an ignored signal would stay ignored in the training.
    """

    def __enter__(self) -> SignalPipe:
        self.fd, self._write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._old_wakeup = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        self._old_handlers = {number: signal.signal(number, _noticed) for number in WATCHED}
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_wakeup)
        os.close(self.fd)
        os.close(self._write_end)

    def read(self) -> list[signal.Signals]:
        """Return the signals since the last call, in order."""
        try:
            return [signal.Signals(number) for number in os.read(self.fd, 4096)]
        except BlockingIOError:
            return []


def _noticed(number: int, frame: FrameType | None) -> None:
    """Do nothing: the number is already in the pipe."""
