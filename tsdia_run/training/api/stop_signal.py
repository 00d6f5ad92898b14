"""Whether somebody asked the training to stop: by a signal to this process, or by the request file of the attempt."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any


class StopSignal:
    """Listens from its creation on.

    The first SIGTERM or SIGINT becomes a request; after that the signals do what they did before, so that a second
    Ctrl-C ends a script that does not look.

    Args:
        file: Exists once a stop was requested; None outside a run.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._is_signalled = False
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():  # nobody else may set handlers
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._is_signalled = True
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def is_made(self) -> bool:
        """Whether a stop was requested, as the main rank sees it; with several ranks each of them must ask."""
        is_made = self._is_signalled or (self._file is not None and self._file.exists())
        torch = sys.modules.get("torch")
        if torch is None or not torch.distributed.is_available() or not torch.distributed.is_initialized():
            return is_made
        from accelerate.utils import broadcast_object_list

        agreed: list[bool] = broadcast_object_list([is_made])
        return bool(agreed[0])
