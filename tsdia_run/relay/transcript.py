"""Write the streams of a training to its log, and its latest progress to a small file."""

from __future__ import annotations

import json
import os
import time

from tsdia_run.relay import progress_bar
from tsdia_run.relay.journal import END, FINISH, LINE, SIZE, TICK
from tsdia_run.relay.lines import LineModel
from tsdia_run.relay.log_parts import create
from tsdia_run.relay.modes import Modes
from tsdia_run.relay.state import TranscriptState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsdia_run.relay.clock import Clock
    from tsdia_run.relay.journal import JournalEntry
    from tsdia_run.relay.log import Log

_STREAMS = 2
_PROGRESS_S = 1.0
_LOOK_AT_LINES = 8
_LONGEST_LINE = 500


class Transcript:
    """Writes the lines of several streams in order of arrival, without mixing lines.

    Its text depends only on the entries, never on the disk or on the time.

    Args:
        log: The log.
        interval_s: How often a line that keeps changing is logged.
        progress_path: The file for the progress; None to write none.
        clock: Formats the time for the log.
        is_terminal: Whether the training has a terminal; otherwise it has pipes.
    """

    def __init__(
        self, log: Log, *, interval_s: float, progress_path: str | None, clock: Clock, is_terminal: bool
    ) -> None:
        self._log = log
        self._interval_s = interval_s
        self.state = TranscriptState(clock, Modes() if is_terminal else None)
        self.state.models += [self._new_model() for _ in range(_STREAMS)]
        self._progress_path = progress_path
        self._progress_s = 0.0
        self._is_progress_due = False

    def _new_model(self) -> LineModel:
        clock = self.state.clock
        model = LineModel(interval_s=self._interval_s, stamp=clock.stamp if clock.is_shown else None)
        model.resize(*self.state.size)
        return model

    @property
    def is_settled(self) -> bool:
        """Whether a TICK changes nothing."""
        return all(model.is_settled for model in self.state.models)

    @property
    def is_quiet(self) -> bool:
        """Whether neither a TICK nor ``show_progress`` has anything to do."""
        return not self._is_progress_due and self.is_settled

    def apply(self, entry: JournalEntry, data: bytes) -> None:
        """Write what one entry adds to the log."""
        self.state.clock.offset = entry.offset
        if entry.kind == TICK:
            self._settle(entry.now)
        elif entry.kind in (LINE, END):
            self._line(data, entry.now)
        elif entry.kind == FINISH:
            self._finish(entry.now)
            self._line(data, entry.now)
            self.state.is_finished, self.state.is_cut = True, bool(data)
        elif entry.kind == SIZE:
            self._resize(data)
        elif data and entry.kind < _STREAMS:
            self._feed(entry.kind, data, entry.now)
        self.state.is_ended = self.state.is_ended or entry.kind == END

    def _feed(self, stream: int, data: bytes, now: float) -> None:
        state = self.state
        if stream != state.latest:  # the complete lines of the other stream came first
            self._write(state.latest, state.models[state.latest].complete())
            state.latest = stream
        try:
            pieces = state.models[stream].feed(data, now)
        except Exception as error:  # A bug in parsing unusual output must not lose the output.
            pieces = [b"\n" * state.is_torn, data]
            self._begin_anew(stream, error)
        self._write(stream, pieces)
        self._is_progress_due = True

        state.are_torn[stream], state.is_fresh = data[-1] != 0x0A, False
        if state.modes is not None:
            state.modes.feed(data)

    def _resize(self, size: bytes) -> None:
        rows, columns = size.split()
        self.state.size = (int(rows), int(columns))
        for stream, model in enumerate(self.state.models):
            try:
                model.resize(*self.state.size)
            except Exception as error:  # As above.
                self._begin_anew(stream, error)

    def to_fresh_line(self, streams: Sequence[int]) -> bytes:
        """Return what moves a console to a new line, below everything that these streams show on it."""
        state = self.state
        if state.is_fresh:
            return b""
        state.is_fresh = True
        if state.modes is not None:
            return state.models[0].to_fresh_line()
        return b"\n" if any(state.are_torn[stream] for stream in streams) else b""

    def to_restore(self) -> bytes:
        """Return what undoes the script's changes of its terminal."""
        return b"" if self.state.modes is None else self.state.modes.undo()

    def _settle(self, now: float) -> None:
        for stream, model in enumerate(self.state.models):
            if not model.is_settled:
                try:
                    self._write(stream, model.settle(now))
                except Exception as error:  # As above.
                    self._begin_anew(stream, error)

    def _finish(self, now: float) -> None:
        models = self.state.models
        for stream in (self.state.latest, *range(len(models))):
            try:
                self._write(stream, models[stream].finish(now))
            except Exception as error:  # As above.
                self._begin_anew(stream, error)

    def _line(self, text: bytes, now: float) -> None:
        """Write a line of tsdia-run itself."""
        if text:
            clock = self.state.clock
            stamp = clock.stamp(now) if clock.is_shown else b""
            self._log.write([b"\n" * self.state.is_torn + stamp + text + b"\n"])
            self.state.is_torn = False

    def _begin_anew(self, stream: int, error: Exception) -> None:
        self.state.models[stream] = self._new_model()
        self._log.warn_once(f"some output could not be cleaned ({error!r}); the log may lack a few lines there")

    def _write(self, stream: int, pieces: list[bytes | memoryview]) -> None:
        if not pieces:
            return
        state = self.state
        if state.is_torn and stream != state.writer:  # in the middle of a very long line of the other stream
            pieces.insert(0, b"\n")
        state.writer = stream
        last = next((piece for piece in reversed(pieces) if piece), None)
        if last is not None:
            state.is_torn = last[-1] != 0x0A
        self._log.write(pieces)

    def show_progress(self, now: float, *, is_last: bool = False) -> None:
        """Write the file for the progress if it is due; called a few times per second."""
        if not self._is_progress_due or (now - self._progress_s < _PROGRESS_S and not is_last):
            return
        self._progress_s = now
        self._is_progress_due = False
        if self._progress_path is None:
            return
        models, latest = self.state.models, self.state.latest
        latest_first = sorted(range(len(models)), key=lambda stream: stream != latest)
        texts = [text for stream in latest_first for text in models[stream].last_texts(_LOOK_AT_LINES)]
        bars = [bar for bar in map(progress_bar.read, texts) if bar]
        if bars:
            self.state.bar = bars[0]
        shown = {"time": time.time(), **self.state.bar, "last_line": texts[0].strip()[:_LONGEST_LINE] if texts else ""}
        draft = f"{self._progress_path}.draft"
        try:
            with create(draft) as file:
                json.dump(shown, file, ensure_ascii=False)
            os.rename(draft, self._progress_path)
        except OSError:
            return  # the log itself reports disk errors
