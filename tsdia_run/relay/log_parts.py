"""The rotated parts of a log, and their compression in a separate process.

    training_X.000001.log.gz   the oldest part
    training_X.000002.cut.log  a note about parts that were deleted for the total limit; only if there are any
    training_X.000007.log.gz   …
    training_X.log             the live file

The order of the names is the order of the stream, for ``zcat -f training_X.*`` and ``zgrep``: a digit sorts before the
``l`` of ``log`` in every locale. A part gets its final name at its rotation, when it is still plain text (``zcat -f``
and ``zgrep`` read both). Compression replaces it with one rename. The set of names is complete at every moment, so a
kill -9 can neither lose nor duplicate a line.

A compressed part is a chain of gzip members of about 1 MiB of text each. Each member's header has an extra field ``TD``
(RFC 1952, 2.3.1.1) of two little-endian 32-bit numbers: the length of the complete member in the file, and of its
text. A reader finds any position by jumping from header to header.
"""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import BufferedReader, TextIOWrapper

MEMBER_BYTES = 1024 * 1024
_GZIP = b"\x1f\x8b"
# Magic, deflate, FEXTRA, no time, no flags, Unix; length of the extra field, its name and its length.
_HEAD = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\x03" + b"\x0c\x00" + b"TD" + b"\x08\x00"
_HEAD_BYTES = len(_HEAD) + 8
_LEVEL = 6
_LOWEST_NICE = 19
_CUT_TEXT = "[tsdia-run: parts 2 to {last} of this log, {size} bytes, were deleted to stay below the total limit]\n"
_MAX_CUT_BYTES = 4096
_CUT_PATTERN = re.compile(r"parts 2 to (\d+) of this log, (\d+) bytes")


class RotatedParts:
    """The rotated parts of one log.

    Args:
        live: Path of the live file, ``….log``.
    """

    def __init__(self, live: str) -> None:
        self.folder, name = os.path.split(live)
        self._stem = name.removesuffix(".log")
        self._pattern = re.compile(re.escape(self._stem) + r"\.(\d{6,})\.log\.gz")

    def path(self, number: int) -> str:
        """Return the path of part ``number``."""
        return os.path.join(self.folder, f"{self._stem}.{number:06d}.log.gz")

    @property
    def _cut_path(self) -> str:
        return os.path.join(self.folder, f"{self._stem}.000002.cut.log")

    def numbers(self) -> list[int]:
        """Return the numbers of the parts, oldest first.

        Raises:
            OSError: The folder can't be read.
        """
        return sorted(int(found[1]) for found in map(self._pattern.fullmatch, os.listdir(self.folder)) if found)

    def compress_all(self) -> None:
        """Compress every part that is still plain text.

        Raises:
            OSError: A part can't be read or written; it is not changed.
        """
        while (found := self._oldest_plain()) is not None:
            path, plain = found
            with plain:
                self._compress(path, plain)

    def _oldest_plain(self) -> tuple[str, BufferedReader] | None:
        for path in map(self.path, self.numbers()):
            part = opened(path)
            if part.read(len(_GZIP)) != _GZIP:
                part.seek(0)
                return path, part
            part.close()
        return None

    def _compress(self, path: str, plain: BufferedReader) -> None:
        # Use the open file, not its name: the compressor of a killed relay may be about to put its compressed part
        # there, and a part that is compressed twice is unreadable.
        folder, name = os.path.split(path)
        for other in os.listdir(folder):  # left by a killed compressor
            if other.startswith(f".{name}."):
                os.unlink(os.path.join(folder, other))
        packed_path = os.path.join(folder, f".{name}.{os.getpid()}")
        try:
            with open(packed_path, "xb") as packed:
                while text := plain.read(MEMBER_BYTES):
                    packed.write(member(text + plain.readline(MEMBER_BYTES)))
                packed.flush()
                os.fsync(packed.fileno())
            os.rename(packed_path, path)
        except OSError:
            if os.path.exists(packed_path):
                os.unlink(packed_path)
            raise

    def size(self) -> int:
        """Return the size of the parts on disk, in bytes.

        Raises:
            OSError: A part can't be read.
        """
        return sum(os.stat(self.path(number)).st_size for number in self.numbers())

    def leave_out(self, excess_bytes: int) -> None:
        """Delete the oldest parts, except the first and the last one, until ``excess_bytes`` are freed; leave a note.

        Raises:
            OSError: A part can't be removed.
        """
        last_cut, cut_bytes = self._cut()
        for number in self.numbers()[1:-1]:
            path = self.path(number)
            if number > last_cut:
                if excess_bytes <= 0:
                    return
                cut_bytes += text_bytes(path)
                self._write_cut(number, cut_bytes)
            # Write the note first, so that a kill here leaves no part missing without a note.
            excess_bytes -= os.stat(path).st_size
            os.unlink(path)

    def _cut(self) -> tuple[int, int]:
        try:
            with opened(self._cut_path) as cut:
                found = _CUT_PATTERN.search(cut.read(_MAX_CUT_BYTES).decode("utf-8", "replace"))
        except FileNotFoundError:
            return 0, 0
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def _write_cut(self, last: int, size: int) -> None:
        draft = os.path.join(self.folder, f".{self._stem}.cut")
        with create(draft) as cut:
            cut.write(_CUT_TEXT.format(last=last, size=size))
        os.rename(draft, self._cut_path)


def opened(path: str) -> BufferedReader:
    """Open a file for reading: never wait for the other end of a FIFO, and follow no planted symlink.

    Raises:
        OSError: It can't be opened.
    """
    return open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), "rb")


def create(path: str) -> TextIOWrapper:
    """Create a temporary file in place of one that a killed relay left, or of a planted symlink.

    Raises:
        OSError: It can't be created.
    """
    with suppress(FileNotFoundError):
        os.unlink(path)
    return open(path, "x", encoding="utf-8", errors="backslashreplace")


def member(text: bytes) -> bytes:
    """Return a gzip member with its length in the header."""
    import zlib

    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(text) + packer.flush()
    tail = zlib.crc32(text).to_bytes(4, "little") + len(text).to_bytes(4, "little")
    size = _HEAD_BYTES + len(body) + len(tail)
    return _HEAD + size.to_bytes(4, "little") + len(text).to_bytes(4, "little") + body + tail


def text_bytes(path: str) -> int:
    """Return the length of the text of a part, compressed or not.

    Raises:
        OSError: It can't be read.
    """
    with opened(path) as part:
        at = size = 0
        while (head := os.pread(part.fileno(), _HEAD_BYTES, at)).startswith(_HEAD):
            at += int.from_bytes(head[-8:-4], "little")
            size += int.from_bytes(head[-4:], "little")
        return size or os.fstat(part.fileno()).st_size


def start_compressing(parts: RotatedParts) -> int:
    """Compress in a child process with the lowest priority. It may be killed at any moment, and may outlive the relay.

    Returns:
        Its process id.

    Raises:
        OSError: The process can't be started.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        # A pipe end that stays open here would keep another process waiting.
        signal.set_wakeup_fd(-1)
        os.closerange(0, 65536)
        os.setsid()
        os.nice(_LOWEST_NICE)
        if hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        parts.compress_all()
    finally:
        # Don't run the relay's exit handlers here. An error leaves an uncompressed part, which is fine.
        os._exit(0)
