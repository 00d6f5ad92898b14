"""Detect a stop request: a signal to this process, or the stop request file of the attempt."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any

from tsdia_run.rundir.layout import AttemptLayout


class StopSignal:
    """Watches for a stop request, from its creation on.

    The first SIGTERM or SIGINT becomes a stop request. Then the old signal handlers are restored, so that a second
    Ctrl-C ends a script that does not check for the request.

    Args:
        attempt: The files of the attempt; the stop request file exists once a stop was requested.
    """

    def __init__(self, attempt: AttemptLayout) -> None:
        self._attempt = attempt
        self._is_signalled = False
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():  # Python lets only this thread set handlers
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._is_signalled = True
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def is_requested(self) -> bool:
        """Return whether the main rank has seen a stop request; with several ranks, every rank must call this."""
        is_requested = self._is_signalled or self._attempt.stop.exists()
        torch = sys.modules.get("torch")
        if torch is None or not torch.distributed.is_available() or not torch.distributed.is_initialized():
            return is_requested
        from accelerate.utils import broadcast_object_list

        agreed: list[bool] = broadcast_object_list([is_requested])
        return bool(agreed[0])
