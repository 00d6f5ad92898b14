"""Advisory locks, which end with the process that holds them, and file systems that have none."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from enum import Enum
from pathlib import Path

_TRIES = 5
_BETWEEN_TRIES_S = 0.01
# EBADF is NFS's for a descriptor that was opened for reading: flock(2).
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF})


class Locking(Enum):
    """What became of asking for a lock."""

    LOCKED = "locked"
    BUSY = "somebody else holds it"
    UNKNOWN = "the file system has no locks"


def open_lock(path: Path) -> int:
    """Open a file to lock it, for writing where that may be: on NFS an exclusive lock needs it.

    Raises:
        OSError: It can't be opened.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def lock(fd: int, *, shared: bool = False) -> Locking:
    """Lock an open file, without waiting.

    Raises:
        OSError: The file system refused for another reason than having no locks.
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
    """Lock, though somebody may be asking at this moment whether it is locked.

    Raises:
        OSError: As ``lock``.
    """
    for _ in range(_TRIES):
        found = lock(fd)
        if found is not Locking.BUSY:
            return found
        time.sleep(_BETWEEN_TRIES_S)
    return Locking.BUSY
