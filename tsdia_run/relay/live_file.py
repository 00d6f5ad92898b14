"""The live file of a log: append to it, and know how large it is."""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_BUFFERS = 512
# Never wait for the other end of a FIFO, and follow no planted symlink.
_OPEN = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class LiveFile:
    """A file that only the relay appends to.

    Args:
        path: Its path.

    Attributes:
        size: Its size.
        identity: Its device and inode.
        is_torn: Whether it does not end with a newline.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd: int | None = None
        self.size = 0
        self.identity: tuple[int, int] | None = None
        self.is_torn = False

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        return self._fd is not None

    def open_or_create(self) -> None:
        """Open or create it, and its folder; the relay does not create the run directory.

        Raises:
            OSError: It can't be opened.
        """
        try:
            self._fd = open_to_append(self._path)
        except FileNotFoundError:
            os.mkdir(os.path.dirname(self._path))
            self._fd = open_to_append(self._path)
        self._measure(self._fd)

    def _measure(self, fd: int) -> None:
        status = os.fstat(fd)
        self.size, self.identity = status.st_size, (status.st_dev, status.st_ino)
        if self.size:
            self.is_torn = os.pread(fd, 1, self.size - 1) != b"\n"

    def close(self) -> None:
        """Close it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def is_deleted(self) -> bool:
        """Whether the open file has no name any more."""
        if self._fd is None:
            return False
        try:
            return os.fstat(self._fd).st_nlink == 0
        except OSError as error:
            return error.errno == errno.ESTALE  # NFS reports this if another machine deleted it

    def append(self, chunks: Sequence[bytes | memoryview]) -> Sequence[bytes | memoryview]:
        """Write the start of the data.

        Returns:
            The rest.

        Raises:
            OSError: Nothing can be written.
        """
        if self._fd is None:
            return chunks
        written = os.writev(self._fd, chunks[:_MOST_BUFFERS])
        self.size += written
        for index, chunk in enumerate(chunks):
            if written < len(chunk):
                if written:
                    self.is_torn = chunk[written - 1] != 0x0A
                return [memoryview(chunk)[written:], *chunks[index + 1 :]]
            written -= len(chunk)
            if chunk:
                self.is_torn = chunk[-1] != 0x0A
        return []

    def truncate(self, size: int) -> bool:
        """Remove what follows ``size``; return whether that was possible."""
        if self._fd is None or self.size < size:
            return False
        try:
            os.ftruncate(self._fd, size)
            self._measure(self._fd)
        except OSError:  # the disk refuses everything
            return False
        return True


def open_to_append(path: str) -> int:
    """Open or create a file, and return its descriptor.

    Raises:
        OSError: It can't be opened, or is not a regular file.
    """
    fd = os.open(path, _OPEN, 0o644)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return fd
