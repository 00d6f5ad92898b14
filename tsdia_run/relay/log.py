"""The log: a live file that rotates, and that nothing on the disk can turn against the training.

What can't be written is counted and dropped, and the log says how much as soon as it can be written again. A log file
that was deleted begins anew. Beside the log stands ``.training_X.times``: lines ``TIME PART OFFSET`` (seconds since
the epoch, and the place at which the next line begins) at most every five seconds; a part that has not been rotated
yet is the live file.
"""

from __future__ import annotations

import errno
import os
import time

from tsdia_run.relay.log_parts import RotatedParts, start_compressing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEFAULT_MAX_BYTES = 64 * 1024 * 1024
_RETRY_S = 1.0
_TIMES_S = 5.0
# Packing begins when no part was rotated for so long, or when so many wait.
_CALM_S = 2.0
_MOST_PLAIN_PARTS = 16
# A file-size limit (ulimit -f) below this leaves nothing worth a part of its own.
_SMALLEST_PART_BYTES = 64 * 1024
_MOST_BUFFERS = 512
_OPEN = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class Log:
    """The log of one attempt. Nothing here raises.

    Args:
        path: The live file.
        max_bytes: The size at which it is rotated.
        total_bytes: What all its parts together may take; None for no bound.
        warn: Called once for each kind of trouble.
        stamp: What a line of our own begins with.
    """

    def __init__(
        self,
        path: str,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        total_bytes: int | None = None,
        warn: Callable[[str], None],
        stamp: Callable[[], bytes] = lambda: b"",
    ) -> None:
        self._path = path
        if total_bytes is not None:  # head, tail and live file are always kept
            max_bytes = min(max_bytes, max(total_bytes // 4, _SMALLEST_PART_BYTES))
        self._max_bytes = max_bytes
        self._total_bytes = total_bytes
        self._warn = warn
        self._stamp = stamp
        self._warned: set[str] = set()
        self._parts = RotatedParts(path)
        self._part = 0
        self._rotate_at = max_bytes
        self._fd: int | None = None
        self._size = 0
        self.is_torn = False
        self._dropped = 0
        self._why = ""
        self._retry_s = 0.0
        self._notes: list[str] = []
        self._rotated_s = 0.0
        self._packed_part = 0
        self._compressor: int | None = None
        self._is_compression_due = False
        self._times_fd: int | None = None
        self._times_s = 0.0
        self._open()
        self._is_compression_due = self._part > 1  # a relay that was killed may have left plain parts

    def write(self, chunks: Sequence[bytes | memoryview]) -> None:
        """Append, or count as dropped."""
        if not self._is_writable() or not self._tell():
            self._dropped += sum(map(len, chunks))
            return
        self._note_time()
        self._write(chunks)
        if self._size >= self._rotate_at and (not self.is_torn or self._size >= 2 * self._rotate_at):
            self._rotate()

    def line(self, text: str) -> None:
        """A line of our own."""
        self.write([b"\n" * self.is_torn + self._stamp() + text.encode("utf-8", "backslashreplace") + b"\n"])

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing for ``tick`` to do."""
        return self._is_whole and not self._is_compression_due and self._compressor is None

    def tick(self) -> None:
        """Once a second or so: tell what was dropped if that is possible now; see to the compression."""
        if not self._is_whole:
            self.write([])
        self._see_to_compression()

    def close(self) -> None:
        """Write what is left to tell, and leave the compression to itself."""
        self._retry_s = 0.0
        self.write([])
        if self._is_compression_due:  # the one at work may have looked for the last time already
            self._end_compressor()
        self._see_to_compression(is_ending=True)
        for fd in (self._fd, self._times_fd):
            if fd is not None:
                os.close(fd)
        self._fd = self._times_fd = None

    # Writing, and what comes in its way.

    @property
    def _is_whole(self) -> bool:
        return not self._dropped and not self._notes

    def _write(self, chunks: Sequence[bytes | memoryview]) -> bool:
        """One try, and a second one in a new part where the file may not grow any more."""
        left = chunks
        for _ in range(2):
            try:
                while left and self._fd is not None:
                    left = self._advance(left, os.writev(self._fd, left[:_MOST_BUFFERS]))
                return True
            except OSError as error:
                if error.errno == errno.EFBIG and self._size >= _SMALLEST_PART_BYTES and self._rotate():
                    continue
                self._fail(error)
                break
        self._dropped += sum(map(len, left))
        return False

    def _advance(self, chunks: Sequence[bytes | memoryview], written: int) -> Sequence[bytes | memoryview]:
        self._size += written
        for index, chunk in enumerate(chunks):
            if written < len(chunk):
                if written:
                    self.is_torn = chunk[written - 1] != 0x0A
                return [memoryview(chunk)[written:], *chunks[index + 1 :]]
            written -= len(chunk)
            if chunk:
                self.is_torn = chunk[-1] != 0x0A
        return []

    def _tell(self) -> bool:
        """Write what happened to the lines before, whole or not at all.

        Returns:
            Whether there is nothing left to tell.
        """
        if self._is_whole:
            return True
        notes = [*self._notes]
        if self._dropped:
            notes.append(f"[tsdia-run: {self._dropped} bytes dropped here: {self._why}]")
        dropped, self._dropped = self._dropped, 0
        size, was_torn = self._size, self.is_torn
        text = b"".join(self._stamp() + note.encode("utf-8", "backslashreplace") + b"\n" for note in notes)
        if self._write([b"\n" * was_torn + text]):
            self._notes.clear()
            return True
        self._dropped = dropped
        if self._fd is not None and self._size > size:
            try:
                os.ftruncate(self._fd, size)
            except OSError:  # half a note stays where the disk refuses everything
                return False
            self._size, self.is_torn = size, was_torn
        return False

    def _fail(self, error: OSError) -> None:
        self._why = error.strerror or type(error).__name__
        self._retry_s = time.monotonic() + _RETRY_S
        self.warn_once(f"the log can't be written: {self._why} ({self._path}); the training runs on")
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def warn_once(self, text: str) -> None:
        """Tell the supervisor, the first time."""
        if text not in self._warned:
            self._warned.add(text)
            self._warn(text)

    def _is_writable(self) -> bool:
        """Whether a write is worth a try now; a file that was deleted is made anew."""
        if self._fd is not None and self._is_deleted(self._fd):
            os.close(self._fd)
            self._fd = None
            self._notes.append(f"[tsdia-run: the log file was deleted; {self._size} bytes went with it]")
            self.warn_once(f"the log was deleted ({self._path}); it goes on in a new file")
        if self._retry_s and time.monotonic() < self._retry_s:
            return False
        self._retry_s = 0.0
        return self._fd is not None or self._open()

    def _is_deleted(self, fd: int) -> bool:
        try:
            return os.fstat(fd).st_nlink == 0
        except OSError as error:
            return error.errno == errno.ESTALE  # how NFS says that another machine deleted it

    def _open(self) -> bool:
        try:
            try:
                self._fd = os.open(self._path, _OPEN, 0o644)
            except FileNotFoundError:  # the folder was removed; the run directory is not ours to make
                os.mkdir(self._parts.folder)
                self._fd = os.open(self._path, _OPEN, 0o644)
            self._size = os.fstat(self._fd).st_size
            if self._size:
                self.is_torn = os.pread(self._fd, 1, self._size - 1) != b"\n"
            if not self._part:  # once: a list of all parts at each rotation would take more and more
                self._part = max(self._parts.numbers(), default=0) + 1
        except OSError as error:
            self._fail(error)
            return False
        self._rotate_at = self._max_bytes
        return True

    # Rotation.

    def _rotate(self) -> bool:
        """The live file becomes a part. Between the two steps there is no live file, and every line is in a part."""
        try:
            os.rename(self._path, self._parts.path(self._part))
        except OSError as error:
            self.warn_once(f"the log can't be rotated: {error.strerror} ({self._path}); it grows on")
            self._rotate_at = self._size + self._max_bytes
            return False
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self._part += 1
        self._rotated_s = time.monotonic()
        self._is_compression_due = True
        is_open = self._open()
        self._see_to_compression()
        return is_open

    def _is_busy(self) -> bool:
        """Whether so much is coming in that packing had better wait, even at the lowest priority."""
        is_calm = time.monotonic() - self._rotated_s >= _CALM_S
        return not is_calm and self._part - self._packed_part < _MOST_PLAIN_PARTS and self._total_bytes is None

    def _see_to_compression(self, *, is_ending: bool = False) -> None:
        if self._compressor is not None and os.waitpid(self._compressor, os.WNOHANG)[0]:
            self._compressor = None
        if not self._is_compression_due or (not is_ending and self._is_busy()):
            return
        try:
            self._keep_to_bound()
            if self._compressor is None:
                self._compressor = start_compressing(self._parts)
                self._is_compression_due = False
                self._packed_part = self._part
        except OSError as error:
            self._is_compression_due = False
            self.warn_once(f"old parts of the log can't be packed: {error.strerror} ({self._parts.folder})")

    def _keep_to_bound(self) -> None:
        if self._total_bytes is None:
            return
        excess = self._parts.size() + self._max_bytes - self._total_bytes
        if excess > 0:
            self._end_compressor()
            self._parts.leave_out(excess)

    def _end_compressor(self) -> None:
        """It may be at work on a part that is to be left out."""
        if self._compressor is not None:
            os.kill(self._compressor, 9)
            os.waitpid(self._compressor, 0)
            self._compressor = None

    # Time.

    def _note_time(self) -> None:
        now_s = time.time()
        if 0 <= now_s - self._times_s < _TIMES_S or self.is_torn:
            return
        self._times_s = now_s
        try:
            if self._times_fd is None:
                folder, name = os.path.split(self._path)
                times = os.path.join(folder, f".{name.removesuffix('.log')}.times")
                self._times_fd = os.open(times, _OPEN, 0o644)
            os.write(self._times_fd, f"{now_s:.3f} {self._part} {self._size}\n".encode())
        except OSError:
            return  # the log itself will tell what is wrong with the disk
