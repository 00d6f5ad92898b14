"""The claim on a file system without locks: a folder ``.tsdia/held-N`` that names the owner of the run.

A start creates it by one rename, with ``holder.json`` already in it; the rename succeeds for one of any number of
starts. N only grows and the highest N counts, so that no process replaces a folder that another process may have read.
The owner releases the claim by renaming ``holder.json``, which also works on a full disk. If the owner died without
that, a start on the same machine sees it and takes N + 1; a start on another machine can't know it, and never takes the
claim.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.claim import owner
from tsdia_run.claim.owner import Life, Owner
from tsdia_run.files.atomic import write_all
from tsdia_run.files.opening import create
from tsdia_run.rundir.layout import GIVEN_BACK_NAME, OWNER_NAME, RunLayout

_NAME = re.compile(r"held-(\d{1,9})")


@dataclass(frozen=True)
class NewestClaim:
    """The newest claim of a run.

    Attributes:
        number: Its number; -1 if the run has no such claim.
        life: Whether its owner is running; also dead if the owner released the claim.
        owner: The owner; None if the claim has no owner, or the file can't be read.
    """

    number: int
    life: Life
    owner: Owner | None


def look(own_fd: int) -> NewestClaim:
    """Return the newest claim.

    Args:
        own_fd: The open ``.tsdia`` folder. This module never uses its path, which may soon lead to another folder.

    Raises:
        OSError: The folder can't be read.
    """
    number = max(_numbers(own_fd), default=-1)
    if number < 0:
        return NewestClaim(number, Life.DEAD, None)
    try:
        found = owner.read(Path(_name(number), OWNER_NAME), own_fd)
    except FileNotFoundError:
        return NewestClaim(number, Life.DEAD, None)
    return NewestClaim(number, Life.UNKNOWN if found is None else owner.life(found), found)


def take(own_fd: int, after: NewestClaim) -> int | None:
    """Take the claim after one whose owner is dead.

    Returns:
        A descriptor for ``release``; None if another start was faster.

    Raises:
        OSError: The file system failed.
    """
    number = after.number + 1
    fd = _put(own_fd, number)
    if fd is None:
        return None
    # A faster start may have taken and released this number, and a third start may have the next one.
    if max(_numbers(own_fd)) != number:
        _remove(own_fd, _name(number))
        os.close(fd)
        return None
    for old in _numbers(own_fd):
        if old < number:
            _remove(own_fd, _name(old))
    return fd


def put_first(own_fd: int) -> int:
    """Create the first claim, in a ``.tsdia`` folder that no other process knows yet.

    Returns:
        A descriptor for ``release``.

    Raises:
        OSError: The file system failed.
    """
    fd = _put(own_fd, 0)
    if fd is None:
        raise FileExistsError(errno.EEXIST, "another process has claimed it")
    return fd


def remove_first(own_fd: int) -> None:
    """Remove the claim that ``put_first`` created, if any."""
    _remove(own_fd, _name(0))


def _put(own_fd: int, number: int) -> int | None:
    temporary = f".held.{os.urandom(6).hex()}"
    os.mkdir(temporary, dir_fd=own_fd)
    fd = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=own_fd)
    try:
        sign(fd)
        os.rename(temporary, _name(number), src_dir_fd=own_fd, dst_dir_fd=own_fd)
    except OSError as error:
        os.close(fd)
        _remove(own_fd, temporary)
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return None
        raise
    return fd


def sign(fd: int) -> None:
    """Record this process as the owner.

    Args:
        fd: The open folder of the claim.

    Raises:
        OSError: The file system failed.
    """
    temporary = f".{OWNER_NAME}"
    file_fd = create(temporary, 0o644, dir_fd=fd)
    try:
        write_all(file_fd, owner.this_process().as_bytes())
        os.fsync(file_fd)
    finally:
        os.close(file_fd)
    os.rename(temporary, OWNER_NAME, src_dir_fd=fd, dst_dir_fd=fd)


def release(fd: int) -> None:
    """Release the claim, even if the run directory was moved; not if a fork of this process owns it now."""
    with suppress(OSError):  # removed by a user: the claim is free too
        found = owner.read(Path(OWNER_NAME), fd)
        if found is not None and found.pid == os.getpid():
            os.rename(OWNER_NAME, GIVEN_BACK_NAME, src_dir_fd=fd, dst_dir_fd=fd)
    os.close(fd)


def _name(number: int) -> str:
    return RunLayout(Path()).lockless_claim(number).name


def _numbers(own_fd: int) -> list[int]:
    return [int(match.group(1)) for name in os.listdir(own_fd) if (match := _NAME.fullmatch(name))]


def _remove(own_fd: int, folder: str) -> None:
    for name in (f".{OWNER_NAME}", OWNER_NAME, GIVEN_BACK_NAME):
        with suppress(OSError):
            os.unlink(os.path.join(folder, name), dir_fd=own_fd)
    with suppress(OSError):
        os.rmdir(folder, dir_fd=own_fd)
