"""Follow metrics.jsonl while an attempt runs, and update its summary file.

If the summary file is missing or far behind, a thread with the lowest priority reads the old metrics, so that neither
the training nor its end waits for them.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from threading import Event, Thread, get_native_id

from tsdia_run.rundir import metrics, summary_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.metrics_summary import Summary

_CHECK_S = 2.0
_SAVE_S = 10.0
# Reading half a megabyte takes about 5 ms.
_MAX_READ_BYTES = 512 * 1024
# At the end of the attempt, later readers add what is missing.
_LAST_CHECK_S = 1.0
_LOWEST_PRIORITY = 19


class MetricsFollower:
    """Updates the summary of a run, starting from the summary that the last supervisor wrote.

    Args:
        layout: The files of the run.
    """

    def __init__(self, layout: RunLayout) -> None:
        self._layout = layout
        self._summary: Summary | None = None
        self._catching_up: Thread | None = None
        self._is_ending = Event()
        self._checked_s = self._saved_s = time.monotonic()
        self._is_changed = False

    def tick(self, now_s: float) -> None:
        """Read new metrics every two seconds, for a few milliseconds at most.

        Args:
            now_s: Monotonic time.
        """
        if now_s - self._checked_s < _CHECK_S or self._is_catching_up():
            return
        self._checked_s = now_s
        if self._read() and now_s - self._saved_s >= _SAVE_S:
            self._saved_s = now_s
            self._save()
        if self._unread() > _MAX_READ_BYTES:
            self._catching_up = Thread(target=self._catch_up, name="metrics", daemon=True)
            self._catching_up.start()

    def finish(self) -> Summary | None:
        """Read the remaining metrics, for about a second at most, and save the summary.

        Returns:
            The summary; None if the run has no metrics, or too many were left to read.
        """
        deadline_s = time.monotonic() + _LAST_CHECK_S
        if self._catching_up is not None:
            self._catching_up.join(_LAST_CHECK_S)
            self._is_ending.set()
            self._catching_up.join()
        while (is_new := self._read()) and time.monotonic() < deadline_s:
            pass
        self._save()
        return None if is_new else self._summary

    def _is_catching_up(self) -> bool:
        return self._catching_up is not None and self._catching_up.is_alive()

    def _catch_up(self) -> None:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), _LOWEST_PRIORITY)
        while not self._is_ending.is_set() and self._read():
            pass
        self._save()

    def _unread(self) -> int:
        try:
            return os.stat(self._layout.metrics).st_size - (self._summary.offset if self._summary else 0)
        except OSError:
            return 0

    def _read(self) -> bool:
        """Read new metrics; return whether there were any."""
        try:
            if self._summary is None:
                if not self._layout.metrics.exists():
                    return False
                self._summary = summary_file.load(self._layout.metrics_summary) or Summary()
            is_new = summary_file.catch_up(self._summary, self._layout.metrics, _MAX_READ_BYTES)
        except OSError:
            return False
        self._is_changed |= is_new
        return is_new

    def _save(self) -> None:
        if self._is_changed and self._summary is not None:
            # The next reader updates a summary that could not be written.
            with suppress(OSError):
                summary_file.save(self._summary, self._layout.metrics_summary)
                self._is_changed = False


def problems(summary: Summary | None) -> list[str]:
    """Return the problems of the metrics, as text: ``loss is NaN since step 812``."""
    found = []
    for name, series in summary.series.items() if summary else ():
        since = series.not_finite_since
        if since is not None:
            at = "" if since.step is None else f" since step {since.step}"
            found.append(f"{name} is {metrics.as_text(since.value)}{at}")
    return found
