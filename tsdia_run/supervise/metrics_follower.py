"""Follow metrics.jsonl while an attempt runs, and update its summary file."""

from __future__ import annotations

import time
from contextlib import suppress

from tsdia_run.rundir import metrics, summary_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.metrics_summary import Summary

_CHECK_S = 2.0
_SAVE_S = 10.0
# Reading half a megabyte takes about 10 ms.
_MAX_READ_BYTES = 512 * 1024
_LAST_CHECK_S = 10.0


class MetricsFollower:
    """Updates the summary of a run, starting from the summary that the last supervisor wrote.

    Args:
        layout: The files of the run.
    """

    def __init__(self, layout: RunLayout) -> None:
        self._layout = layout
        self._summary: Summary | None = None
        self._checked_s = self._saved_s = time.monotonic()
        self._is_changed = False

    def tick(self, now_s: float) -> None:
        """Read new metrics every two seconds, for a few milliseconds at most.

        Args:
            now_s: Monotonic time.
        """
        if now_s - self._checked_s < _CHECK_S:
            return
        self._checked_s = now_s
        if self._read() and now_s - self._saved_s >= _SAVE_S:
            self._saved_s = now_s
            self._save()

    def finish(self) -> list[str]:
        """Read the remaining metrics, for a few seconds at most, and save the summary.

        Returns:
            Problems of the metrics, as text: ``loss is NaN since step 812``.
        """
        deadline_s = time.monotonic() + _LAST_CHECK_S
        while self._read() and time.monotonic() < deadline_s:
            pass
        if self._summary is None:
            return []
        self._save()
        found = []
        for name, series in self._summary.series.items():
            since = series.not_finite_since
            if since is not None:
                at = "" if since.step is None else f" since step {since.step}"
                found.append(f"{name} is {metrics.as_text(since.value)}{at}")
        return found

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
