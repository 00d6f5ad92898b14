"""Make one system call of this process fail, or kill the process at that call.

Calls of the ``os`` functions that change a file are counted if their path is inside a folder. Call number ``at``
fails with an errno, or kills the process before the call has an effect; a write has written half of its data.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DIE = "die"
_NAMES = ("mkdir", "rename", "replace", "unlink", "remove", "rmdir", "link", "symlink", "utime", "truncate")
_DESCRIPTORS = ("write", "fsync", "fdatasync", "ftruncate")
_CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True)
class Fault:
    """The fault to inject.

    Attributes:
        folder: The folder. Calls on it and on paths inside it are counted.
        at: The number of the call that fails, from 1; 0 for none.
        how: The name of an errno, or ``DIE``.
        stays: Whether all later calls fail too, as on a disk that stays full.
    """

    folder: str
    at: int = 0
    how: str = "ENOSPC"
    stays: bool = False


def install(fault: Fault, report: Path) -> None:
    """Patch ``os`` in this process permanently.

    Args:
        fault: The fault to inject.
        report: The file that receives the name of the call before it fails.
    """
    seen = 0

    def check(name: str, place: str, before: Callable[[], object] | None = None) -> None:
        nonlocal seen
        if not f"{place}/".startswith(f"{fault.folder}/"):
            return
        seen += 1
        if seen != fault.at and not (fault.stays and seen > fault.at):
            return
        if before is not None:
            before()
        if seen == fault.at:
            report.write_text(f"{name} {os.path.relpath(place, fault.folder)}")
        if fault.how == DIE:
            os.kill(os.getpid(), signal.SIGKILL)
        number = getattr(errno, fault.how)
        # As the system does: the error of a call on a descriptor does not name the file.
        raise OSError(number, os.strerror(number), *([] if name in _DESCRIPTORS else [place]))

    for name in _NAMES:
        setattr(os, name, _on_name(name, check))
    for name in _DESCRIPTORS:
        setattr(os, name, _on_descriptor(name, check))
    os.open = _on_open(check)


def _on_name(name: str, check: Callable[..., None]) -> Callable[..., Any]:
    call = getattr(os, name)

    def counted(path: Any, *args: Any, **more: Any) -> Any:
        check(name, _place(path, more.get("dir_fd", more.get("src_dir_fd"))))
        return call(path, *args, **more)

    return counted


def _on_descriptor(name: str, check: Callable[..., None]) -> Callable[..., Any]:
    call = getattr(os, name)

    def counted(fd: int, *args: Any) -> Any:
        half = (lambda: call(fd, args[0][: len(args[0]) // 2])) if name == "write" else None
        check(name, os.readlink(f"/proc/self/fd/{fd}"), half)
        return call(fd, *args)

    return counted


def _on_open(check: Callable[..., None]) -> Callable[..., int]:
    call = os.open

    def counted(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & _CHANGES:
            check("open", _place(path, dir_fd))
        return call(path, flags, mode, dir_fd=dir_fd)

    return counted


def _place(path: Any, dir_fd: int | None) -> str:
    if not isinstance(path, (str, os.PathLike)):
        return ""
    folder = os.getcwd() if dir_fd is None else os.readlink(f"/proc/self/fd/{dir_fd}")
    return os.path.join(folder, os.fspath(path))
