"""Write the streams of a training to its log, and its latest progress to a small file."""

from __future__ import annotations

import json
import os
import time

from tsdia_run.relay import progress_bar
from tsdia_run.relay.lines import LineModel
from tsdia_run.relay.log_parts import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tsdia_run.relay.log import Log

_PROGRESS_S = 1.0
_LOOK_AT_LINES = 8
_LONGEST_LINE = 500


class Journal:
    """Writes the lines of several streams in order of arrival, without mixing lines.

    Args:
        log: The log.
        streams: The number of streams.
        interval_s: How often a line that keeps changing is logged.
        progress_path: The file for the progress; None to write none.
        clock: Formats the time for the log.
    """

    def __init__(self, log: Log, streams: int, *, interval_s: float, progress_path: str | None, clock: Clock) -> None:
        self._log = log
        self._interval_s = interval_s
        self._stamp = clock.stamp if clock.is_shown else None
        self._models = [LineModel(interval_s=interval_s, stamp=self._stamp) for _ in range(streams)]
        self._latest = self._writer = 0
        self._progress_path = progress_path
        self._progress_s = 0.0
        self._is_progress_due = False
        self._bar: dict[str, str] = {}

    @property
    def is_quiet(self) -> bool:
        """Whether ``tick`` has nothing to do."""
        return not self._is_progress_due and all(model.is_settled for model in self._models)

    def feed(self, stream: int, data: bytes, now: float) -> None:
        """Process output of a stream."""
        if stream != self._latest:  # the complete lines of the other stream came first
            self._write(self._latest, self._models[self._latest].complete())
            self._latest = stream
        try:
            pieces = self._models[stream].feed(data, now)
        except Exception as error:  # A bug in parsing unusual output must not lose the output.
            pieces = [b"\n" * self._log.is_torn, data]
            self._begin_anew(stream, error)
        self._write(stream, pieces)
        self._is_progress_due = True

    def tick(self, now: float) -> None:
        """Write what is due; called a few times per second."""
        for stream, model in enumerate(self._models):
            if not model.is_settled:
                try:
                    self._write(stream, model.settle(now))
                except Exception as error:  # As above.
                    self._begin_anew(stream, error)
        if self._is_progress_due and now - self._progress_s >= _PROGRESS_S:
            self._progress_s = now
            self._write_progress()

    def finish(self, now: float) -> None:
        """Write everything: all streams have ended."""
        self._write_progress()
        for stream in (self._latest, *range(len(self._models))):
            try:
                self._write(stream, self._models[stream].finish(now))
            except Exception as error:  # As above.
                self._begin_anew(stream, error)

    def _begin_anew(self, stream: int, error: Exception) -> None:
        self._models[stream] = LineModel(interval_s=self._interval_s, stamp=self._stamp)
        self._log.warn_once(f"some output could not be cleaned ({error!r}); the log may lack a few lines there")

    def _write(self, stream: int, pieces: list[bytes | memoryview]) -> None:
        if not pieces:
            return
        if self._log.is_torn and stream != self._writer:  # in the middle of a very long line of the other stream
            pieces.insert(0, b"\n")
        self._writer = stream
        self._log.write(pieces)

    def _write_progress(self) -> None:
        if self._progress_path is None or not self._is_progress_due:
            return
        self._is_progress_due = False
        latest_first = sorted(range(len(self._models)), key=lambda stream: stream != self._latest)
        texts = [text for stream in latest_first for text in self._models[stream].last_texts(_LOOK_AT_LINES)]
        bars = [bar for bar in map(progress_bar.read, texts) if bar]
        if bars:
            self._bar = bars[0]
        latest = {"time": time.time(), **self._bar, "last_line": texts[0].strip()[:_LONGEST_LINE] if texts else ""}
        draft = f"{self._progress_path}.draft"
        try:
            with create(draft) as file:
                json.dump(latest, file, ensure_ascii=False)
            os.rename(draft, self._progress_path)
        except OSError:
            return  # the log itself reports disk errors


class Clock:
    """Formats timestamps for a log.

    Args:
        is_shown: Whether log lines start with a timestamp.
    """

    def __init__(self, *, is_shown: bool) -> None:
        self.is_shown = is_shown
        self._second = -1
        self._text = ("", "")

    def stamp(self, monotonic_s: float) -> bytes:
        """Return the local time with milliseconds and UTC offset, as in ISO 8601, and a space."""
        # Read both clocks each time, so that a change of the system clock shows.
        at_s = time.time() - time.monotonic() + monotonic_s
        second = int(at_s)
        if second != self._second:
            self._second = second
            local = time.localtime(second)
            zone = time.strftime("%z", local)
            self._text = (time.strftime("%Y-%m-%dT%H:%M:%S", local), f"{zone[:3]}:{zone[3:]}")
        return f"{self._text[0]}.{int(at_s % 1 * 1000):03d}{self._text[1]} ".encode()

    def now(self) -> bytes:
        """Return the timestamp for a line that tsdia-run writes itself."""
        return self.stamp(time.monotonic()) if self.is_shown else b""
