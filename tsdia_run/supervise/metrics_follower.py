"""Follows metrics.jsonl while an attempt lives, and keeps the summary beside it."""

from __future__ import annotations

import time
from contextlib import suppress

from tsdia_run.rundir import metrics, summary_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.metrics_summary import Summary

_LOOK_S = 2.0
_SAVE_S = 10.0
# Half a megabyte takes some 10 ms to read.
_AT_ONCE_BYTES = 512 * 1024
_LAST_LOOK_S = 10.0


class MetricsFollower:
    """The summary of one run, from where the last supervisor left it.

    Args:
        layout: The files of the run.
    """

    def __init__(self, layout: RunLayout) -> None:
        self._layout = layout
        self._summary: Summary | None = None
        self._looked_s = self._saved_s = time.monotonic()
        self._is_changed = False

    def tick(self, now_s: float) -> None:
        """Look now and then; never for longer than a few milliseconds.

        Args:
            now_s: On the monotonic clock.
        """
        if now_s - self._looked_s < _LOOK_S:
            return
        self._looked_s = now_s
        if self._take() and now_s - self._saved_s >= _SAVE_S:
            self._saved_s = now_s
            self._save()

    def finish(self) -> list[str]:
        """Take the rest.

        Returns:
            What is wrong with the metrics, for people: ``loss is NaN since step 812``.
        """
        deadline_s = time.monotonic() + _LAST_LOOK_S
        while self._take() and time.monotonic() < deadline_s:
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

    def _take(self) -> bool:
        """Whether anything new was there."""
        try:
            if self._summary is None:
                if not self._layout.metrics.exists():
                    return False
                self._summary = summary_file.load(self._layout.metrics_summary) or Summary()
            is_new = summary_file.catch_up(self._summary, self._layout.metrics, _AT_ONCE_BYTES)
        except OSError:
            return False
        self._is_changed |= is_new
        return is_new

    def _save(self) -> None:
        if self._is_changed and self._summary is not None:
            # The next reader makes up for what could not be written.
            with suppress(OSError):
                summary_file.save(self._summary, self._layout.metrics_summary)
                self._is_changed = False
