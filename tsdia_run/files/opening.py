"""Open files that another user may have replaced: never wait, never use a device, and write through no symlink.

Every reader and writer of files in the package opens them here. `training/boot` and `relay`, which import nothing of
the package, have their own copies of these flags.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

# Without O_NONBLOCK, opening a FIFO waits for its other end. Without O_NOCTTY, a terminal may start to control us.
_SAFE = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NOT_REGULAR = "not a regular file"


def open_fd(path: str | Path, flags: int = os.O_RDONLY, mode: int = 0o666, *, dir_fd: int | None = None) -> int:
    """Open a regular file without waiting, and return its descriptor.

    Args:
        path: The file.
        flags: As for ``os.open``.
        mode: The permissions of a new file.
        dir_fd: The open folder that a relative path is relative to, instead of the working directory.

    Raises:
        OSError: The file can't be opened, or is not a regular file.
    """
    try:
        fd = os.open(path, flags | _SAFE, mode, dir_fd=dir_fd)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket, or a FIFO without a reader
            raise OSError(errno.EINVAL, _NOT_REGULAR, os.fspath(path)) from error
        if error.errno == errno.ELOOP and flags & os.O_NOFOLLOW:
            raise OSError(errno.ELOOP, "is a symlink", os.fspath(path)) from error
        raise
    kind = stat.S_IFMT(os.fstat(fd).st_mode)
    if kind != stat.S_IFREG:
        os.close(fd)
        if kind == stat.S_IFDIR:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        raise OSError(errno.EINVAL, _NOT_REGULAR, os.fspath(path))
    return fd


def open_regular(path: Path, dir_fd: int | None = None, *, follows_links: bool = True) -> BinaryIO:
    """Open a regular file for reading; refuse any other kind of file in its place.

    Args:
        path: The file.
        dir_fd: The open folder that a relative path is relative to, instead of the working directory.
        follows_links: Whether the file may be a symlink.

    Raises:
        OSError: The file can't be opened, or is not a regular file.
    """
    return os.fdopen(open_fd(path, 0 if follows_links else os.O_NOFOLLOW, dir_fd=dir_fd), "rb")


def open_to_append(path: Path, mode: int = 0o644) -> int:
    """Open a file to append to it, create it if it does not exist, and return its descriptor.

    Raises:
        OSError: The file can't be opened, is a symlink, or is not a regular file.
    """
    return open_fd(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, mode)


def create(path: str | Path, mode: int = 0o666, *, dir_fd: int | None = None) -> int:
    """Create a temporary file in place of one that a killed process left, and return its descriptor.

    Raises:
        OSError: The file can't be created.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        return open_fd(path, flags, mode, dir_fd=dir_fd)
    except FileExistsError:  # possibly a planted symlink: remove the link itself
        os.unlink(path, dir_fd=dir_fd)
        return open_fd(path, flags, mode, dir_fd=dir_fd)


def names_in(folder: Path) -> list[str]:
    """Return the sorted names in a folder; none if it can't be read, for example because its file system is gone."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def touch(path: Path) -> None:
    """Create an empty file if it does not exist, and set its time.

    Raises:
        OSError: The file can't be created, is a symlink, or is not a regular file.
    """
    fd = open_fd(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW)
    try:
        os.utime(fd)
    finally:
        os.close(fd)
