"""Write files atomically: complete or absent, even if a process or the machine is killed."""

from __future__ import annotations

import json
import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from tsdia_run.files.opening import create

_TEMPORARY = re.compile(r"\.(?P<name>.+)\.\d+")


PUBLIC = 0o666


def mode_of(path: Path | None) -> int:
    """Return the permissions for a copy of a file: who can't read the file can't read its copy.

    The owner can write the copy. A file that does not exist has no content to protect.
    """
    with suppress(OSError):
        if path is not None:
            return os.stat(path).st_mode & PUBLIC | stat.S_IWUSR
    return PUBLIC


def write_bytes(
    path: Path, data: bytes, *, is_durable: bool = True, mode: int = PUBLIC, dir_fd: int | None = None
) -> None:
    """Replace the content of ``path`` by ``data`` in one step.

    Args:
        path: The file.
        data: The new content.
        is_durable: Whether the new content must survive a power loss after this function returns.
        mode: The permissions of the file, less those that the umask takes.
        dir_fd: The open directory that ``path`` is relative to; None for the working directory.

    Raises:
        OSError: The write failed; the old content is unchanged.
    """
    # The name may have the maximum length of the file system; a character takes up to four bytes.
    temporary = path.with_name(f".{path.name[:60]}.{os.getpid()}")
    try:
        fd = create(temporary, mode, dir_fd=dir_fd)
        try:
            write_all(fd, data)
            if is_durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=dir_fd)
        # Name the file itself: an error of `write` names no file, and the user does not know the temporary one.
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_json(path: Path, value: object, *, indent: int | None = 2, is_durable: bool = True) -> None:
    """Replace the content of ``path`` by ``value`` as readable JSON."""
    write_bytes(path, json_bytes(value, indent=indent), is_durable=is_durable)


def json_bytes(value: object, *, indent: int | None = 2) -> bytes:
    """Return a value as readable JSON.

    A byte of a file name that is not UTF-8 becomes an escape, which a JSON parser reads back in Python's own form.
    """
    return (json.dumps(value, indent=indent, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def write_all(fd: int, data: bytes) -> None:
    """Write all data, with as many calls as needed.

    Raises:
        OSError: The write failed; a part may be written.
    """
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def meant_for(name: str) -> str:
    """Return the final name of a temporary file: ``run.json`` for ``.run.json.4711``; any other name unchanged.

    A killed process may leave a temporary file.
    """
    match = _TEMPORARY.fullmatch(name)
    return match.group("name") if match else name
