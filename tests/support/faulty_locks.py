"""Run a module as `python -m` does, in a process in which no file system has locks.

A file system without flock can't be had on a test machine (NFS without its lock daemon, 9p and some of FUSE are such
ones), so the system call itself fails here, as it does there. Processes that this one starts have locks again.

python -m tests.support.faulty_locks MODULE ARGUMENTS...
"""

from __future__ import annotations

import errno
import fcntl
import os
import runpy
import sys


def no_locks(_fd: object, _operation: int) -> None:
    """``fcntl.flock`` there."""
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def main() -> None:
    """Run the given module."""
    fcntl.flock = no_locks
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
