"""Run a module as `python -m` does, in a process in which no file system has locks.

A test machine has no file system without flock (NFS without its lock daemon, 9p and some FUSE file systems lack it),
so the call itself fails in this process, with the same error. Child processes of this process have locks again.

python -m tests.support.faulty_locks MODULE ARGUMENTS...
"""

from __future__ import annotations

import errno
import fcntl
import os
import runpy
import sys


def no_locks(_fd: object, _operation: int) -> None:
    """Fail as ``fcntl.flock`` does on such a file system."""
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def main() -> None:
    """Run the given module."""
    fcntl.flock = no_locks
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
