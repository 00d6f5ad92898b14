"""Reserve room on a disk for one last write: a file with allocated blocks, which then becomes the written file.

Its blocks and its inode are never free, so no other process can take them. A write into it works on a full disk, over
a quota and without free inodes. docs/decisions/0018-endings-on-a-failing-disk.md names the file systems where it may
not.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tsdia_run.files.atomic import write_all
from tsdia_run.files.opening import open_fd


def make_reserve(path: Path, size_bytes: int, dir_fd: int) -> None:
    """Create the reserve, or replace an old one.

    Args:
        path: The reserve, relative to ``dir_fd``.
        size_bytes: The largest content that it must take.
        dir_fd: An open directory.

    Raises:
        OSError: There is no room; no reserve exists afterwards.
    """
    with suppress(FileNotFoundError):
        os.unlink(path, dir_fd=dir_fd)
    fd = open_fd(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, dir_fd=dir_fd)
    try:
        os.posix_fallocate(fd, 0, size_bytes)
    except OSError:
        drop_reserve(path, dir_fd)
        raise
    finally:
        os.close(fd)


def write_into_reserve(reserve: Path, path: Path, data: bytes, dir_fd: int) -> None:
    """Replace the content of ``path`` by ``data`` in one step; the reserve becomes that file.

    Args:
        reserve: The reserve, relative to ``dir_fd``.
        path: The file to replace, relative to ``dir_fd``.
        data: The new content.
        dir_fd: An open directory.

    Raises:
        OSError: There is no reserve, or the file system refuses the write; the old content of ``path`` is unchanged.
    """
    fd = open_fd(reserve, os.O_WRONLY | os.O_NOFOLLOW, dir_fd=dir_fd)
    try:
        write_all(fd, data)
        os.ftruncate(fd, len(data))
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(reserve, path, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)


def drop_reserve(path: Path, dir_fd: int) -> None:
    """Remove the reserve, if there is one."""
    with suppress(OSError):
        os.unlink(path, dir_fd=dir_fd)
