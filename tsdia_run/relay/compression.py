"""Decide when rotated parts of a log are compressed, and keep the log below its total limit."""

from __future__ import annotations

import os
import time

from tsdia_run.relay.log_parts import start_compressing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tsdia_run.relay.log_parts import RotatedParts

# Compression starts when no part was rotated for this long, or when this many parts wait.
_CALM_S = 2.0
_MOST_PLAIN_PARTS = 16


class Compression:
    """The compression of one log, in a process that may outlive the relay. Nothing here raises.

    Args:
        parts: The rotated parts.
        live_bytes: How large the live file may become.
        total_bytes: Limit for all parts of the log together; None for no limit.
        warn_once: Called for each error.
    """

    def __init__(
        self, parts: RotatedParts, *, live_bytes: int, total_bytes: int | None, warn_once: Callable[[str], None]
    ) -> None:
        self._parts = parts
        self._live_bytes = live_bytes
        self._total_bytes = total_bytes
        self._warn_once = warn_once
        self._rotated_s = 0.0
        self._waiting_parts = 0
        self._process: int | None = None
        self.is_due = False

    @property
    def is_quiet(self) -> bool:
        """Whether ``tick`` has nothing to do."""
        return not self.is_due and self._process is None

    def note_part(self) -> None:
        """Note that a part was rotated."""
        self._rotated_s = time.monotonic()
        self._waiting_parts += 1
        self.is_due = True

    def tick(self) -> None:
        """Start compression if it is due and the input rate is low; called about once per second."""
        self._see_to_it(is_ending=False)

    def close(self) -> None:
        """Start the last compression, which continues after the relay has exited."""
        if self.is_due:  # the running process may have listed the parts already
            self._end_process()
        self._see_to_it(is_ending=True)

    def _is_busy(self) -> bool:
        """Whether the input rate is so high that compression should wait, even at the lowest priority."""
        is_calm = time.monotonic() - self._rotated_s >= _CALM_S
        return not is_calm and self._waiting_parts < _MOST_PLAIN_PARTS and self._total_bytes is None

    def _see_to_it(self, *, is_ending: bool) -> None:
        if self._process is not None and os.waitpid(self._process, os.WNOHANG)[0]:
            self._process = None
        if not self.is_due or (not is_ending and self._is_busy()):
            return
        try:
            self._keep_to_bound()
            if self._process is None:
                self._process = start_compressing(self._parts)
                self.is_due = False
                self._waiting_parts = 0
        except OSError as error:
            self.is_due = False
            self._warn_once(f"can't compress old parts of the log: {error.strerror} ({self._parts.folder})")

    def _keep_to_bound(self) -> None:
        if self._total_bytes is None:
            return
        excess = self._parts.size() + self._live_bytes - self._total_bytes
        if excess > 0:
            self._end_process()
            self._parts.leave_out(excess)

    def _end_process(self) -> None:
        """Kill the compressor: it may be compressing a part that is about to be removed."""
        if self._process is not None:
            os.kill(self._process, 9)
            os.waitpid(self._process, 0)
            self._process = None
