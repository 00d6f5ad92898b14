"""The log: a rotating file whose disk errors never affect the training.

Data that can't be written is counted and dropped; the log reports how much as soon as it can be written again. A
deleted log file is created again. Next to the log, ``.training_X.times`` has lines ``TIME PART OFFSET`` (seconds since
the epoch, and the position of the next line), at most one every five seconds. The part that is not rotated yet is the
live file.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from tsdia_run.relay.log_parts import RotatedParts, start_compressing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEFAULT_MAX_BYTES = 64 * 1024 * 1024
_RETRY_S = 1.0
_TIMES_S = 5.0
# Compression starts when no part was rotated for this long, or when this many parts wait.
_CALM_S = 2.0
_MOST_PLAIN_PARTS = 16
# With a file-size limit (ulimit -f) below this, parts would be too small to be useful.
_SMALLEST_PART_BYTES = 64 * 1024
_MOST_BUFFERS = 512
# Never wait for the other end of a FIFO, and follow no planted symlink.
_OPEN = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Log:
    """The log of one attempt. Nothing here raises.

    Args:
        path: The live file.
        max_bytes: Size at which it is rotated.
        total_bytes: Limit for all its parts together; None for no limit.
        warn: Called once for each kind of error.
        stamp: Returns the timestamp for a line that tsdia-run writes itself.
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
        self._is_compression_due = self._part > 1  # a killed relay may have left uncompressed parts

    def write(self, chunks: Sequence[bytes | memoryview]) -> None:
        """Append the data, or count it as dropped."""
        if not self._is_writable() or not self._tell():
            self._dropped += sum(map(len, chunks))
            return
        self._note_time()
        self._write(chunks)
        if self._size >= self._rotate_at and (not self.is_torn or self._size >= 2 * self._rotate_at):
            self._rotate()

    def line(self, text: str) -> None:
        """Write a line of tsdia-run itself."""
        self.write([b"\n" * self.is_torn + self._stamp() + text.encode("utf-8", "backslashreplace") + b"\n"])

    @property
    def is_quiet(self) -> bool:
        """Whether ``tick`` has nothing to do."""
        return self._is_whole and not self._is_compression_due and self._compressor is None

    def tick(self) -> None:
        """Report dropped data if that is possible now, and start due compression; called about once per second."""
        if not self._is_whole:
            self.write([])
        self._see_to_compression()

    def close(self) -> None:
        """Write pending reports and start the last compression, which continues on its own."""
        self._retry_s = 0.0
        self.write([])
        if self._is_compression_due:  # the running compressor may have listed the parts already
            self._end_compressor()
        self._see_to_compression(is_ending=True)
        for fd in (self._fd, self._times_fd):
            if fd is not None:
                os.close(fd)
        self._fd = self._times_fd = None

    # Writing, and its errors.

    @property
    def _is_whole(self) -> bool:
        return not self._dropped and not self._notes

    def _write(self, chunks: Sequence[bytes | memoryview]) -> bool:
        """Try to write; try once more in a new part if the file can't grow any more."""
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
        """Report what happened to earlier lines, completely or not at all.

        Returns:
            Whether nothing is left to report.
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
            except OSError:  # half a report stays if the disk refuses everything
                return False
            self._size, self.is_torn = size, was_torn
        return False

    def _fail(self, error: OSError) -> None:
        self._why = error.strerror or type(error).__name__
        self._retry_s = time.monotonic() + _RETRY_S
        self.warn_once(f"can't write the log: {self._why} ({self._path}); the training continues")
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def warn_once(self, text: str) -> None:
        """Warn the supervisor, once for each text."""
        if text not in self._warned:
            self._warned.add(text)
            self._warn(text)

    def _is_writable(self) -> bool:
        """Whether to try a write now; a deleted file is created again."""
        if self._fd is not None and self._is_deleted(self._fd):
            os.close(self._fd)
            self._fd = None
            self._notes.append(f"[tsdia-run: the log file was deleted; {self._size} bytes are lost]")
            self.warn_once(f"the log was deleted ({self._path}); it continues in a new file")
        if self._retry_s and time.monotonic() < self._retry_s:
            return False
        self._retry_s = 0.0
        return self._fd is not None or self._open()

    def _is_deleted(self, fd: int) -> bool:
        try:
            return os.fstat(fd).st_nlink == 0
        except OSError as error:
            return error.errno == errno.ESTALE  # NFS reports this if another machine deleted it

    def _open(self) -> bool:
        try:
            try:
                self._fd = _opened(self._path)
            except FileNotFoundError:  # the folder was removed; the relay does not create the run directory
                os.mkdir(self._parts.folder)
                self._fd = _opened(self._path)
            self._size = os.fstat(self._fd).st_size
            if self._size:
                self.is_torn = os.pread(self._fd, 1, self._size - 1) != b"\n"
            if not self._part:  # only once: listing all parts at each rotation would become slower and slower
                self._part = max(self._parts.numbers(), default=0) + 1
        except OSError as error:
            self._fail(error)
            return False
        self._rotate_at = self._max_bytes
        return True

    # Rotation.

    def _rotate(self) -> bool:
        """Rename the live file to a part, then open a new one: in between, every line is in a part."""
        try:
            os.rename(self._path, self._parts.path(self._part))
        except OSError as error:
            self.warn_once(f"can't rotate the log: {error.strerror} ({self._path}); it keeps growing")
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
        """Whether the input rate is so high that compression should wait, even at the lowest priority."""
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
            self.warn_once(f"can't compress old parts of the log: {error.strerror} ({self._parts.folder})")

    def _keep_to_bound(self) -> None:
        if self._total_bytes is None:
            return
        excess = self._parts.size() + self._max_bytes - self._total_bytes
        if excess > 0:
            self._end_compressor()
            self._parts.leave_out(excess)

    def _end_compressor(self) -> None:
        """Kill the compressor: it may be compressing a part that is about to be removed."""
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
                self._times_fd = _opened(times)
            os.write(self._times_fd, f"{now_s:.3f} {self._part} {self._size}\n".encode())
        except OSError:
            return  # the log itself reports disk errors


def _opened(path: str) -> int:
    fd = os.open(path, _OPEN, 0o644)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return fd
