"""The log: a rotating file whose disk errors never affect the training.

Data that can't be written is counted and dropped; the log reports how much as soon as it can be written again. A
deleted log file is created again. Next to the log, ``.training_X.times`` has lines ``TIME PART OFFSET`` (seconds since
the epoch, and the position of the next line), at most one every five seconds. The part that is not rotated yet is the
live file.

A new relay passes the text of its generation again. The log knows how much of it a killed relay had written: the mark
tells what was written up to some moment, and the size of the live file tells what was written since.
"""

from __future__ import annotations

import errno
import os
import time

from tsdia_run.relay.compression import Compression
from tsdia_run.relay.line_times import LineTimes
from tsdia_run.relay.live_file import LiveFile
from tsdia_run.relay.log_mark import LogMark
from tsdia_run.relay.log_parts import RotatedParts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEFAULT_MAX_BYTES = 64 * 1024 * 1024
_RETRY_S = 1.0
# With a file-size limit (ulimit -f) below this, parts would be too small to be useful.
_SMALLEST_PART_BYTES = 64 * 1024


class Log:
    """The log of one attempt. Nothing here raises.

    Args:
        path: The live file.
        max_bytes: Size at which it is rotated.
        total_bytes: Limit for all its parts together; None for no limit.
        warn: Called once for each kind of error.
        stamp: Returns the timestamp for a report.
        mark: Where a killed relay was; None if there was none.
        commit: Called with a mark after each change that the size of the live file does not tell.
    """

    def __init__(
        self,
        path: str,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        total_bytes: int | None = None,
        warn: Callable[[str], None],
        stamp: Callable[[], bytes] = lambda: b"",
        mark: LogMark | None = None,
        commit: Callable[[LogMark], None] = lambda _mark: None,
    ) -> None:
        self._path = path
        if total_bytes is not None:  # head, tail and live file are always kept
            max_bytes = min(max_bytes, max(total_bytes // 4, _SMALLEST_PART_BYTES))
        self._max_bytes = self._rotate_at = max_bytes
        self._warn = warn
        self._warned: set[str] = set()
        self._stamp = stamp
        self._commit_mark = commit
        self._parts = RotatedParts(path)
        self._part = 0
        self._live = LiveFile(path)
        self._times = LineTimes(path)
        self._compression = Compression(
            self._parts, live_bytes=max_bytes, total_bytes=total_bytes, warn_once=self.warn_once
        )
        self._dropped = 0
        self._why = ""
        self._notes: list[str] = []
        self._is_telling = False
        self._retry_s = 0.0
        self._done = 0  # how much text of this generation was written or dropped
        self._ahead = 0  # how much of the next text is in the log already
        self._open()
        self._compression.is_due = self._part > 1  # a killed relay may have left uncompressed parts
        if mark is not None:
            self._continue(mark)

    def write(self, chunks: Sequence[bytes | memoryview]) -> None:
        """Append the data, or count it as dropped."""
        if self._ahead:
            chunks = self._pass_over(chunks)
            if not chunks:
                return
        if not self._is_writable() or not self._tell():
            self._drop(chunks)
            return
        if not self._live.is_torn:
            self._times.note(self._part, self._live.size)
        self._write(chunks)
        size = self._live.size
        if size >= self._rotate_at and (not self._live.is_torn or size >= 2 * self._rotate_at):
            self._rotate()

    @property
    def is_quiet(self) -> bool:
        """Whether ``tick`` has nothing to do."""
        return self._is_whole and self._compression.is_quiet

    def tick(self) -> None:
        """Report dropped data if that is possible now, and start due compression; called about once per second."""
        if not self._is_whole:
            self.write([])
        self._compression.tick()

    def close(self) -> None:
        """Write pending reports and start the last compression, which continues on its own."""
        self._retry_s = 0.0
        self.write([])
        self._compression.close()
        self._live.close()
        self._times.close()

    def warn_once(self, text: str) -> None:
        """Warn the supervisor, once for each text."""
        if text not in self._warned:
            self._warned.add(text)
            self._warn(text)

    # Writing, and its errors.

    @property
    def _is_whole(self) -> bool:
        return not self._dropped and not self._notes

    def _write(self, chunks: Sequence[bytes | memoryview]) -> bool:
        """Try to write; try once more in a new part if the file can't grow any more."""
        left = chunks
        for _ in range(2):
            try:
                while left and self._live.is_open:
                    size = self._live.size
                    left = self._live.append(left)
                    self._done += 0 if self._is_telling else self._live.size - size
                return True
            except OSError as error:
                if error.errno == errno.EFBIG and self._live.size >= _SMALLEST_PART_BYTES and self._rotate():
                    continue
                self._fail(error)
                break
        if not self._is_telling:
            self._drop(left)
        return False

    def _drop(self, chunks: Sequence[bytes | memoryview]) -> None:
        size = sum(map(len, chunks))
        if size:
            self._done += size
            self._dropped += size
            self._commit()

    def _tell(self) -> bool:
        """Report what happened to earlier lines, completely or not at all.

        Returns:
            Whether nothing is left to report.
        """
        if self._is_whole:
            return True
        notes = [*self._notes]
        if self._dropped:
            notes.append(f"[tsdia-run: {self._dropped} bytes dropped here: {self._why}]")
        size, lead = self._live.size, b"\n" * self._live.is_torn
        text = b"".join(self._stamp() + note.encode("utf-8", "backslashreplace") + b"\n" for note in notes)
        self._is_telling = True
        self._commit()
        is_told = self._write([lead + text])
        self._is_telling = False
        if is_told:
            self._notes.clear()
            self._dropped = 0
            self._commit()
        else:
            self._live.truncate(size)  # half a report stays if the disk refuses everything
        return is_told

    def _fail(self, error: OSError) -> None:
        self._why = error.strerror or type(error).__name__
        self._retry_s = time.monotonic() + _RETRY_S
        self.warn_once(f"can't write the log: {self._why} ({self._path}); the training continues")
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            self._live.close()

    def _is_writable(self) -> bool:
        """Whether to try a write now; a deleted file is created again."""
        if self._live.is_deleted():
            self._live.close()
            self._note_deletion(self._live.size)
        if self._retry_s and time.monotonic() < self._retry_s:
            return False
        self._retry_s = 0.0
        if not self._live.is_open and self._open():
            self._commit()
        return self._live.is_open

    def _note_deletion(self, size: int) -> None:
        self._notes.append(f"[tsdia-run: the log file was deleted; {size} bytes are lost]")
        self.warn_once(f"the log was deleted ({self._path}); it continues in a new file")

    def _open(self) -> bool:
        try:
            self._live.open_or_create()
            if not self._part:  # only once: listing all parts at each rotation would become slower and slower
                self._part = max(self._parts.numbers(), default=0) + 1
        except OSError as error:
            self._fail(error)
            return False
        self._rotate_at = self._max_bytes
        return True

    def _rotate(self) -> bool:
        """Rename the live file to a part, then open a new one: in between, every line is in a part."""
        self._commit()  # once the file has another name, its size does not tell what was written
        try:
            os.rename(self._path, self._parts.path(self._part))
        except OSError as error:
            self.warn_once(f"can't rotate the log: {error.strerror} ({self._path}); it keeps growing")
            self._rotate_at = self._live.size + self._max_bytes
            return False
        self._live.close()
        self._part += 1
        self._compression.note_part()
        is_open = self._open()
        self._commit()
        self._compression.tick()
        return is_open

    # Continuing where a killed relay stopped.

    def begin(self) -> LogMark:
        """Start a new generation: the text so far will not be passed again. Return the mark of this moment."""
        self._done = 0
        return self._mark()

    def end_continuing(self) -> None:
        """Write everything from now on: the text of the generation was passed again."""
        self._ahead = 0

    def _mark(self) -> LogMark:
        return LogMark(
            done=self._done,
            part=self._part,
            file=self._live.identity if self._live.is_open else None,
            size=self._live.size,
            dropped=self._dropped,
            why=self._why,
            notes=tuple(self._notes),
            is_telling=self._is_telling,
        )

    def _commit(self) -> None:
        self._commit_mark(self._mark())

    def _continue(self, mark: LogMark) -> None:
        """Find out how much a killed relay wrote after its mark."""
        self._dropped, self._why, self._notes = mark.dropped, mark.why, [*mark.notes]
        self._ahead = mark.done
        was_rotated = os.path.exists(self._parts.path(mark.part))  # right after the mark: nothing was written since
        live = self._live
        if was_rotated or not live.is_open or mark.file is None:
            return
        if live.identity != mark.file or live.size < mark.size:
            self._note_deletion(mark.size)
        elif mark.is_telling:  # the report is written again
            live.truncate(mark.size)
        else:
            self._ahead += live.size - mark.size

    def _pass_over(self, chunks: Sequence[bytes | memoryview]) -> Sequence[bytes | memoryview]:
        """Leave out what is in the log already."""
        while chunks and self._ahead:
            size = min(self._ahead, len(chunks[0]))
            self._ahead -= size
            self._done += size
            chunks = chunks[1:] if size == len(chunks[0]) else [chunks[0][size:], *chunks[1:]]
        return chunks
