"""A file system that is gone: FUSE, whose process was killed. Every call on it fails with ENOTCONN."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_fuse = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("bindfs") is None or not os.path.exists("/dev/fuse"),
    reason="needs root, bindfs and /dev/fuse, to mount a file system",
)
_LIMIT_S = 10


@contextmanager
def dead_mount(path: Path) -> Iterator[None]:
    """Mount a file system with the contents of a folder over that folder, and kill it, for a block."""
    process = subprocess.Popen(["bindfs", "-f", str(path), str(path)])
    try:
        _wait(lambda: os.path.ismount(path))
        process.kill()
        process.wait()
        _wait(lambda: _is_dead(path))
        yield
    finally:
        process.kill()
        process.wait()
        subprocess.run(["umount", "-l", str(path)], check=True)


def _is_dead(path: Path) -> bool:
    try:
        os.stat(path)
    except OSError:
        return True
    return False


def _wait(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + _LIMIT_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)
