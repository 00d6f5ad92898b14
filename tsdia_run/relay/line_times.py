"""Write ``.training_X.times``, which tells when the lines of a log arrived."""

from __future__ import annotations

import os
import time

from tsdia_run.relay.live_file import OPEN

_TIMES_S = 5.0


class LineTimes:
    """Lines ``TIME PART OFFSET``: seconds since the epoch, and the position of the next line of the log.

    Args:
        log: Path of the live file of the log.
    """

    def __init__(self, log: str) -> None:
        folder, name = os.path.split(log)
        self._path = os.path.join(folder, f".{name.removesuffix('.log')}.times")
        self._fd: int | None = None
        self._noted_s = 0.0

    def note(self, part: int, offset: int) -> None:
        """Note the position of a line that starts now, at most once every five seconds."""
        now_s = time.time()
        if 0 <= now_s - self._noted_s < _TIMES_S:
            return
        self._noted_s = now_s
        try:
            if self._fd is None:
                self._fd = os.open(self._path, OPEN, 0o644)
            os.write(self._fd, f"{now_s:.3f} {part} {offset}\n".encode())
        except OSError:
            return  # the log itself reports disk errors

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
