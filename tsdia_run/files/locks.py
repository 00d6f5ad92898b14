"""Advisory locks, which end with the process that holds them; also on file systems without locks."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from enum import Enum
from pathlib import Path

from tsdia_run.files.opening import open_fd

_TRIES = 5
_BETWEEN_TRIES_S = 0.01
# NFS returns EBADF for a descriptor that was opened for reading: flock(2).
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF})


class Locking(Enum):
    """The result of a lock attempt."""

    LOCKED = "locked"
    BUSY = "another process holds the lock"
    UNKNOWN = "the file system has no locks"


def open_lock(path: Path) -> int:
    """Open a file to lock it, for writing if that is permitted: an exclusive lock on NFS needs it.

    Raises:
        OSError: The file can't be opened.
    """
    try:
        return open_fd(path, os.O_RDWR)
    except FileNotFoundError:
        raise
    except OSError:
        return open_fd(path)


def lock(fd: int, *, shared: bool = False) -> Locking:
    """Lock an open file without waiting.

    Raises:
        OSError: The lock failed, and not because the file system has no locks.
    """
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return Locking.BUSY
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return Locking.UNKNOWN
    return Locking.LOCKED


def lock_patiently(fd: int) -> Locking:
    """Lock an open file; retry a few times, since another process may hold the lock for a moment to test it.

    Raises:
        OSError: As in ``lock``.
    """
    for _ in range(_TRIES):
        found = lock(fd)
        if found is not Locking.BUSY:
            return found
        time.sleep(_BETWEEN_TRIES_S)
    return Locking.BUSY
