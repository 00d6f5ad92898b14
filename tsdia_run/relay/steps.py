"""The steps of a relay: each one is entered in the journal, and then changes the log and the consoles.

A new relay repeats the steps of a killed one, from the latest saved state on.
"""

from __future__ import annotations

import functools
import itertools
import os
import time

from tsdia_run.relay import saved_state
from tsdia_run.relay.clock import Clock
from tsdia_run.relay.console_sink import ConsoleSink
from tsdia_run.relay.journal import FINISH, FRESH, LINE, SIZE, TICK, Journal, in_memory
from tsdia_run.relay.log import Log
from tsdia_run.relay.state import SinkState
from tsdia_run.relay.transcript import Transcript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tsdia_run.relay.journal import JournalEntry
    from tsdia_run.relay.sources import PipeSource, TerminalSource
    from tsdia_run.relay.spec import Spec
    from tsdia_run.relay.state import TranscriptState

_LOST = "[tsdia-run: the relay was killed here and restarted; output that it had read but not written is lost]"


def _is_same(one: int | None, other: int | None) -> bool:
    """Whether two descriptors are of the same terminal, pipe or file."""
    if one is None or other is None:
        return one is other
    return os.path.sameopenfile(one, other)


class Steps:
    """Journal, log and consoles of a relay.

    Args:
        spec: The arguments of the relay.
        warn: Called once for each kind of error.

    Attributes:
        consoles: The consoles of the streams.
    """

    def __init__(self, spec: Spec, warn: Callable[[str], None]) -> None:
        self._header = spec.header
        clock = Clock(is_shown=spec.has_timestamps)
        journal = self._journal = Journal(*(spec.journal or in_memory()))
        self._log = Log(
            spec.log,
            max_bytes=spec.max_bytes,
            total_bytes=spec.total_bytes,
            warn=warn,
            stamp=clock.now,
            mark=journal.log,
            commit=journal.commit,
        )
        self._transcript = Transcript(
            self._log,
            interval_s=spec.interval_s,
            progress_path=spec.progress,
            clock=clock,
            is_terminal=spec.is_terminal,
        )
        self.consoles = [
            ConsoleSink(fd, pipe, functools.partial(journal.note_sent, stream))
            for stream, (fd, pipe) in enumerate(itertools.zip_longest(spec.consoles, spec.console_pipes))
        ]

        # The streams whose output comes between tsdia-run's messages, which go to standard error.
        self._beside_messages = [stream for stream, fd in enumerate(spec.consoles) if _is_same(fd, spec.consoles[-1])]

    @property
    def state(self) -> TranscriptState:
        """How far the log is."""
        return self._transcript.state

    @property
    def is_quiet(self) -> bool:
        """Whether ``tick`` has nothing to do."""
        return self._transcript.is_quiet and self._log.is_quiet

    def begin(self) -> None:
        """Begin the log, or continue where a killed relay stopped."""
        journal = self._journal
        is_new = not journal.is_on or not self._continue()
        if not journal.is_on:
            journal.begin(b"", self._log.begin())
        if journal.was_off:
            self.say(LINE, _LOST)
        elif is_new and self._header is not None:
            self.say(LINE, self._header)

    def _continue(self) -> bool:
        """Repeat the steps of a killed relay; return whether there were any."""
        saved = self._journal.saved()
        consoles = self._restored(saved) if saved else []
        for stream, console in enumerate(self.consoles):
            console.restore(consoles[stream] if consoles else SinkState(), self._journal.sent(stream))
        entries = 0
        for entry, data in self._journal.entries():
            self._apply(entry, data)
            entries += 1
        self._log.end_continuing()
        for console in self.consoles:
            console.end_restoring()
        if entries:
            self._save()
        return bool(saved or entries)

    def _restored(self, saved: bytes) -> list[SinkState]:
        try:
            self._transcript.state, consoles = saved_state.read(saved)
        except Exception as error:  # The output must not be lost with the state.
            self._log.warn_once(f"the state of a killed relay can't be read ({error!r}); the log may lack a few lines")
            return []
        return consoles

    def _save(self) -> None:
        """Save the state, so that the journal can be emptied."""
        try:
            saved = saved_state.save(self._transcript.state, [console.state() for console in self.consoles])
        except Exception as error:  # A bug in the state must not end the relay.
            self._journal.turn_off()
            self._log.warn_once(f"the state of the relay can't be saved ({error!r})")
        else:
            self._journal.begin(saved, self._log.begin())

    def _apply(self, entry: JournalEntry, data: bytes) -> None:
        if entry.kind < len(self.consoles):
            self.consoles[entry.kind].write(data)  # first, since a user may be waiting for it
        elif entry.kind in (FINISH, FRESH) and self.consoles:
            restoring = self._transcript.to_restore() if entry.kind == FINISH else b""
            self.consoles[-1].write(restoring + self._transcript.to_fresh_line(self._beside_messages))
        self._transcript.apply(entry, data)

    def read(self, source: PipeSource | TerminalSource) -> int | None:
        """Take output from a source; return its size, None at the end of the source."""
        entry, data = source.take(self._journal, time.monotonic())
        if data:
            self._apply(entry, data)
        return None if data == b"" else len(data or b"")

    def say(self, kind: int, text: str) -> None:
        """Write a line of tsdia-run itself.

        Args:
            kind: LINE, FINISH (an empty text writes no line) or END.
            text: The line.
        """
        line = text.encode("utf-8", "backslashreplace")
        self._apply(self._journal.put(kind, time.monotonic(), line, is_text=True), line)

    def resize(self, rows: int, columns: int) -> None:
        """Follow the size of the training's terminal."""
        if (rows, columns) != self.state.size:
            size = b"%d %d" % (rows, columns)
            self._apply(self._journal.put(SIZE, time.monotonic(), size, is_text=True), size)

    def begin_line(self) -> None:
        """Move the console of tsdia-run's messages to a new line."""
        self._apply(self._journal.put(FRESH, time.monotonic()), b"")

    def tick(self, now: float) -> None:
        """Write what is due; called a few times per second."""
        if not self._transcript.is_settled:
            self._apply(self._journal.put(TICK, now), b"")
        self._transcript.show_progress(now)
        self._log.tick()

    def save_if_due(self) -> None:
        """Save the state from time to time."""
        if self._journal.is_due or any(console.is_changed for console in self.consoles):
            self._save()

    def show_last_progress(self) -> None:
        """Write the file for the progress a last time."""
        self._transcript.show_progress(time.monotonic(), is_last=True)

    def close(self) -> None:
        """Close the log."""
        self._log.close()
