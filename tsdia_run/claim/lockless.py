"""The claim where a file system has no locks: a folder ``.tsdia/held-N`` that says who holds the run.

It is put in its place by one rename, which succeeds for one of any number of starters, with ``holder.json`` in it
already. N only grows, and the newest one counts, so that nobody ever replaces what somebody else may have read. The
holder gives it back by renaming ``holder.json``, which a full disk allows too. One that died without doing so is found
dead on its own machine, and the next one takes N + 1; another machine can't know, and never does.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.claim import owner
from tsdia_run.claim.owner import Holder, Life
from tsdia_run.files.atomic import write_all
from tsdia_run.rundir.layout import GIVEN_BACK_NAME, HOLDER_NAME, RunLayout

_NAME = re.compile(r"held-(\d{1,9})")


@dataclass(frozen=True)
class Standing:
    """The newest claim of a run.

    Attributes:
        number: Its number; -1 where there is none.
        life: Whether its holder lives; dead also where it gave the claim back.
        holder: Who it is; None where nobody is, or the file can't be read.
    """

    number: int
    life: Life
    holder: Holder | None


def look(own_fd: int) -> Standing:
    """The newest claim.

    Args:
        own_fd: The run's own folder. All here go by it and not by its path, where another folder may be a moment later.

    Raises:
        OSError: The folder can't be read.
    """
    number = max(_numbers(own_fd), default=-1)
    if number < 0:
        return Standing(number, Life.DEAD, None)
    try:
        found = owner.read(Path(_name(number), HOLDER_NAME), own_fd)
    except FileNotFoundError:
        return Standing(number, Life.DEAD, None)
    return Standing(number, Life.UNKNOWN if found is None else owner.life(found), found)


def take(own_fd: int, after: Standing) -> int | None:
    """Take the claim after one whose holder is dead.

    Returns:
        A descriptor that ``give_back`` takes; None where another start was faster.

    Raises:
        OSError: The file system refused.
    """
    number = after.number + 1
    fd = _put(own_fd, number)
    if fd is None:
        return None
    # While this one was slow, another may have taken our number, given it back, and a third the next one.
    if max(_numbers(own_fd)) != number:
        _remove(own_fd, _name(number))
        os.close(fd)
        return None
    for old in _numbers(own_fd):
        if old < number:
            _remove(own_fd, _name(old))
    return fd


def put_first(own_fd: int) -> int:
    """Put the first claim into the own folder of a run that nobody else knows yet.

    Returns:
        A descriptor that ``give_back`` takes.

    Raises:
        OSError: The file system refused.
    """
    fd = _put(own_fd, 0)
    if fd is None:
        raise FileExistsError(errno.EEXIST, "somebody else is in there")
    return fd


def remove_first(own_fd: int) -> None:
    """Take back what ``put_first`` did, if it did."""
    _remove(own_fd, _name(0))


def _put(own_fd: int, number: int) -> int | None:
    beside = f".held.{os.urandom(6).hex()}"
    os.mkdir(beside, dir_fd=own_fd)
    fd = os.open(beside, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=own_fd)
    try:
        sign(fd)
        os.rename(beside, _name(number), src_dir_fd=own_fd, dst_dir_fd=own_fd)
    except OSError as error:
        os.close(fd)
        _remove(own_fd, beside)
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return None
        raise
    return fd


def sign(fd: int) -> None:
    """Name this process as the holder.

    Args:
        fd: The claim's folder.

    Raises:
        OSError: The file system refused.
    """
    beside = f".{HOLDER_NAME}"
    file_fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644, dir_fd=fd)
    try:
        write_all(file_fd, owner.ourselves().as_bytes())
        os.fsync(file_fd)
    finally:
        os.close(file_fd)
    os.rename(beside, HOLDER_NAME, src_dir_fd=fd, dst_dir_fd=fd)


def give_back(fd: int) -> None:
    """Say that the claim is free, wherever the run directory is by now; a fork may have signed it for itself."""
    with suppress(OSError):  # removed by hand: it is free as well
        found = owner.read(Path(HOLDER_NAME), fd)
        if found is not None and found.pid == os.getpid():
            os.rename(HOLDER_NAME, GIVEN_BACK_NAME, src_dir_fd=fd, dst_dir_fd=fd)
    os.close(fd)


def _name(number: int) -> str:
    return RunLayout(Path()).held(number).name


def _numbers(own_fd: int) -> list[int]:
    return [int(match.group(1)) for name in os.listdir(own_fd) if (match := _NAME.fullmatch(name))]


def _remove(own_fd: int, folder: str) -> None:
    for name in (f".{HOLDER_NAME}", HOLDER_NAME, GIVEN_BACK_NAME):
        with suppress(OSError):
            os.unlink(os.path.join(folder, name), dir_fd=own_fd)
    with suppress(OSError):
        os.rmdir(folder, dir_fd=own_fd)
