"""The part of inotify(7) that detects opens of files."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ACCESS, MODIFY, CLOSE_WRITE, CLOSE_NOWRITE, OPEN, CREATE = 0x1, 0x2, 0x8, 0x10, 0x20, 0x100
OVERFLOW = 0x4000
_HEAD = struct.Struct("iIII")
_BUFFER_BYTES = 256 * 1024
_STATFS_BYTES = 512
# statfs(2): local file systems, where no other machine can read a file. Others may be shared.
_LOCAL = {
    "ext2, ext3, ext4": 0xEF53,
    "xfs": 0x58465342,
    "btrfs": 0x9123683E,
    "tmpfs": 0x01021994,
    "ramfs": 0x858458F6,
    "zfs": 0x2FC12FC1,
    "f2fs": 0xF2F52010,
    "bcachefs": 0xCA451A4E,
    "jfs": 0x3153464A,
    "overlayfs": 0x794C7630,
}


@dataclass(frozen=True)
class FileEvent:
    """An event of a watched file or directory.

    Attributes:
        watch: The number that ``Inotify.watch`` returned.
        mask: The kind of event.
        name: The file name in a watched directory; empty for the watched file or directory itself.
    """

    watch: int
    mask: int
    name: str


class Inotify:
    """A queue of events.

    Raises:
        OSError: The limit of the system is reached (``fs.inotify.max_user_instances``).
    """

    def __init__(self) -> None:
        # Takes a few milliseconds; only a resume needs it.
        import ctypes

        self._ctypes, self._libc = ctypes, ctypes.CDLL(None, use_errno=True)
        self.fd = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def watch(self, path: Path, mask: int) -> int:
        """Start to watch a file, or the files in a directory; links are followed.

        Raises:
            OSError: The file can't be watched, or the limit is reached (``fs.inotify.max_user_watches``).
        """
        return self._checked(self._libc.inotify_add_watch(self.fd, os.fsencode(path), self._ctypes.c_uint32(mask)))

    def forget(self, watch: int) -> None:
        """Stop a watch."""
        self._libc.inotify_rm_watch(self.fd, watch)

    def _checked(self, result: int) -> int:
        if result < 0:
            number = self._ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result

    def events(self) -> Iterator[FileEvent]:
        """Return all pending events, in order."""
        while True:
            try:
                data = os.read(self.fd, _BUFFER_BYTES)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                watch, mask, _, name_bytes = _HEAD.unpack_from(data, at)
                at += _HEAD.size
                yield FileEvent(watch, mask, os.fsdecode(data[at : at + name_bytes].rstrip(b"\0")))
                at += name_bytes

    def close(self) -> None:
        """Close the queue."""
        os.close(self.fd)


def is_local(path: Path) -> bool:
    """Whether no other machine can read the file; False if that is not known."""
    import ctypes

    buffer = ctypes.create_string_buffer(_STATFS_BYTES)
    if ctypes.CDLL(None).statfs(os.fsencode(path), buffer):
        return False
    kind = int.from_bytes(buffer.raw[: ctypes.sizeof(ctypes.c_long)], "little") & 0xFFFFFFFF
    return kind in _LOCAL.values()
