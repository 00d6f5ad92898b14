"""The journal: everything that the relay needs to continue where a killed relay stopped.

The kernel moves output from a pipe into the journal (splice(2)) before the relay looks at it. Each step of the relay
has an entry, written before the step: output of a stream, a tick of the clock, a line of tsdia-run itself. The log
depends only on the entries, so another relay repeats them and gets the same log. From time to time the relay saves its
state and starts a new generation: an empty journal.

The journal consists of two open files, which the relay shares with the supervisor:

- The data: the bytes of this generation. The position of the open file tells how many there are. A splice moves bytes
  and position in one call of the kernel, so a SIGKILL can't separate them.
- The state: two slots for the header, the consoles' positions, the entries, and the saved state. The header is written
  alternately to the two slots, and an entry ends with its generation, so that a partial write is never believed.

A journal in memory reuses its pages. A journal in a named file is truncated instead: its size tells a process that
opens it later what a reader of the position knows.
"""

from __future__ import annotations

import json
import os
import struct
import time

from tsdia_run.relay.log_mark import LogMark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# The kinds of entries that are not output. The kind of output is the number of its stream.
TICK, LINE, FINISH, END, SIZE, FRESH = 16, 17, 18, 19, 20, 21

READ_BYTES = 256 * 1024
_GENERATION_BYTES = 1024 * 1024
_GENERATION_ENTRIES = 1000
_RETRY_S = 1.0

_SLOT_BYTES = 1536
_SENT_AT = 2 * _SLOT_BYTES
_ENTRIES_AT = 4096
_SAVED_AT = 64 * 1024
# Generation, bytes sent, bytes in the pipe or -1.
_SENT = struct.Struct("<QQq")
# Time, UTC offset of the clock, start and size of its bytes, kind, generation.
_ENTRY = struct.Struct("<ddIIII")
_NUMBERS = 1 << 32
_NOW = getattr(os, "SPLICE_F_NONBLOCK", 2) | getattr(os, "SPLICE_F_MOVE", 1)


class JournalEntry:
    """One step of the relay.

    Attributes:
        kind: The number of a stream, or TICK, LINE, FINISH, END, SIZE, FRESH.
        now: The monotonic time.
        offset: What to add to a monotonic time to get the time of day.
        start: Where its bytes start.
        size: The length of a text of tsdia-run; 0 for output, whose length the next entry tells.
    """

    __slots__ = ("kind", "now", "offset", "size", "start")

    def __init__(self, kind: int, now: float, offset: float, start: int, size: int) -> None:
        self.kind, self.now, self.offset, self.start, self.size = kind, now, offset, start, size


class Journal:
    """The journal of one attempt. After an error (no space) it is off: a killed relay then loses what it had read.

    Args:
        data: Descriptor of the data.
        state: Descriptor of the state.

    Attributes:
        is_on: Whether a new relay could continue.
        was_off: Whether the journal was off when an earlier relay was killed.
        log: The mark of the log from an earlier relay; None if this is the first one, or if the journal was off.
    """

    def __init__(self, data: int, state: int) -> None:
        self._data = data
        self._state = state
        self._has_name = os.fstat(data).st_nlink > 0
        self._sequence = self._generation = self._count = self._taken = 0
        self._saved = (_SAVED_AT, 0)
        self.log: LogMark | None = None
        self.is_on = False
        self.was_off = False
        self._tried_s = 0.0
        self._read_header()

    # Continuing.

    def _read_header(self) -> None:
        found = [self._slot(0), self._slot(1)]
        header = max(filter(None, found), key=lambda fields: int(fields["sequence"]), default=None)
        if header is None:
            return
        self._sequence, self._generation = header["sequence"], header["generation"]
        self._saved = (header["saved"][0], header["saved"][1])
        self.is_on = bool(header["is_on"])
        self.was_off = not self.is_on
        if self.is_on:
            self.log = LogMark.of(header["log"])

    def _slot(self, number: int) -> dict[str, Any] | None:
        text = os.pread(self._state, _SLOT_BYTES, number * _SLOT_BYTES).partition(b"\n")[0]
        try:
            fields = json.loads(text)
        except ValueError:  # never written, or partially
            return None
        return fields if isinstance(fields, dict) else None

    def saved(self) -> bytes:
        """Return the state that the first relay of this generation had saved."""
        return os.pread(self._state, self._saved[1], self._saved[0])

    def sent(self, console: int) -> tuple[int, int | None]:
        """Return the last note about a console."""
        found = os.pread(self._state, _SENT.size, _SENT_AT + console * _SENT.size)
        generation, sent, in_pipe = _SENT.unpack(found) if len(found) == _SENT.size else (0, 0, 0)
        return (sent, None if in_pipe < 0 else in_pipe) if generation == self._generation else (0, None)

    def entries(self) -> Iterator[tuple[JournalEntry, bytes]]:
        """Yield the entries of this generation with their bytes; call it once, before any other entry is made."""
        taken = os.lseek(self._data, 0, os.SEEK_CUR)
        entries = self._entries() if self.is_on else []
        if entries and taken - entries[-1].start < entries[-1].size:  # killed before the text was complete
            taken = entries.pop().start
        if not entries:  # killed after the header was written and before the data was reset
            taken = 0
        self._end_at(taken)
        self._count, self._taken = len(entries), taken
        ends = [*(entry.start for entry in entries), taken][1:]
        for entry, end in zip(entries, ends, strict=True):
            yield entry, os.pread(self._data, end - entry.start, entry.start)

    def _entries(self) -> list[JournalEntry]:
        found: list[JournalEntry] = []
        packed = os.pread(self._state, _SAVED_AT - _ENTRIES_AT, _ENTRIES_AT)
        for now, offset, start, size, kind, generation in _ENTRY.iter_unpack(packed[: len(packed) // 32 * 32]):
            if generation != self._generation % _NUMBERS:
                break
            found.append(JournalEntry(kind, now, offset, start, size))
        return found

    # Writing.

    @property
    def is_due(self) -> bool:
        """Whether it is time to save the state."""
        if not self.is_on:
            return time.monotonic() - self._tried_s >= _RETRY_S
        return self._taken >= _GENERATION_BYTES or self._count >= _GENERATION_ENTRIES

    def begin(self, saved: bytes, log: LogMark) -> None:
        """Start a new generation: nothing before this state is needed any more."""
        self._tried_s = time.monotonic()
        start, size = self._saved
        at = _SAVED_AT if _SAVED_AT + len(saved) <= start else start + size
        try:
            _pwrite_all(self._state, saved, at)
            self._saved = (at, len(saved))
            self._generation += 1
            self.is_on = True
            self._write_header(log)
            self._end_at(0)
        except OSError:
            self.turn_off()
        self._count = self._taken = 0

    def _end_at(self, size: int) -> None:
        os.lseek(self._data, size, os.SEEK_SET)
        if self._has_name:
            os.ftruncate(self._data, size)

    def commit(self, log: LogMark) -> None:
        """Note a change of the log that its size does not tell."""
        if self.is_on:
            try:
                self._write_header(log)
            except OSError:
                self.turn_off()

    def note_sent(self, console: int, sent: int, in_pipe: int | None) -> None:
        """Note how much a console got, relative to the saved state (see ``ConsolePipe``)."""
        note = _SENT.pack(self._generation, sent, -1 if in_pipe is None else in_pipe)
        try:
            os.pwrite(self._state, note, _SENT_AT + console * _SENT.size)
        except OSError:
            return  # a new relay may repeat some output on the console

    def take(self, source: int, stream: int, now: float) -> tuple[JournalEntry, bytes | None]:
        """Take output from a pipe.

        Returns:
            Its entry, and the output; empty at the end of the pipe, None if there is nothing now.
        """
        entry = self._enter(stream, now, 0)
        if self.is_on:
            try:
                size = os.splice(source, self._data, READ_BYTES, flags=_NOW)
                self._taken += size
                return entry, os.pread(self._data, size, entry.start)
            except BlockingIOError:
                return entry, None
            except (AttributeError, OSError):
                pass  # not supported here, or no space; reading tells what is wrong with the source
        try:
            data = os.read(source, READ_BYTES)
        except BlockingIOError:
            return entry, None
        self._write(data)
        return entry, data

    def put(self, kind: int, now: float, data: bytes = b"", *, is_text: bool = False) -> JournalEntry:
        """Make an entry with bytes that don't come from a pipe.

        Args:
            kind: Its kind.
            now: The monotonic time.
            data: Its bytes.
            is_text: Whether it counts only if the bytes are complete.
        """
        entry = self._enter(kind, now, len(data) if is_text else 0)
        self._write(data)
        return entry

    def _enter(self, kind: int, now: float, size: int) -> JournalEntry:
        entry = JournalEntry(kind, now, time.time() - time.monotonic(), self._taken, size)
        if self.is_on:
            packed = _ENTRY.pack(now, entry.offset, entry.start, size, kind, self._generation % _NUMBERS)
            try:
                os.pwrite(self._state, packed, _ENTRIES_AT + self._count * _ENTRY.size)
                self._count += 1
            except OSError:
                self.turn_off()
        return entry

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while self.is_on and left:
                written = os.write(self._data, left)
                self._taken += written
                left = left[written:]
        except OSError:
            self.turn_off()

    def _write_header(self, log: LogMark) -> None:
        self._sequence += 1
        fields = {
            "sequence": self._sequence,
            "generation": self._generation,
            "saved": self._saved,
            "is_on": self.is_on,
            "log": log.fields(),
        }
        text = json.dumps(fields).encode() + b"\n"
        os.pwrite(self._state, text[:_SLOT_BYTES], self._sequence % 2 * _SLOT_BYTES)

    def turn_off(self) -> None:
        """Stop, until a state is saved again: something that a new relay needs is missing."""
        self.is_on = False
        try:
            self._write_header(LogMark())
        except OSError:
            return  # the header is not the first one, so its page exists: only a broken disk refuses


def in_memory() -> tuple[int, int]:
    """Return the descriptors of a new journal that lives as long as a process holds it."""
    return os.memfd_create("tsdia-run-output"), os.memfd_create("tsdia-run-journal")


def _pwrite_all(fd: int, data: bytes, at: int) -> None:
    left = memoryview(data)
    while left:
        written = os.pwrite(fd, left, at)
        at += written
        left = left[written:]
