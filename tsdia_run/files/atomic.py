"""Write files atomically: complete or absent, even if a process or the machine is killed."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path

from tsdia_run.files.opening import create

_TEMPORARY = re.compile(r"\.(?P<name>.+)\.\d+")


def write_bytes(path: Path, data: bytes, *, is_durable: bool = True) -> None:
    """Replace the content of ``path`` by ``data`` in one step.

    Args:
        path: The file.
        data: The new content.
        is_durable: Whether the new content must survive a power loss after this function returns.

    Raises:
        OSError: The write failed; the old content is unchanged.
    """
    # The name may have the maximum length of the file system; a character takes up to four bytes.
    temporary = path.with_name(f".{path.name[:60]}.{os.getpid()}")
    try:
        fd = create(temporary)
        try:
            write_all(fd, data)
            if is_durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        # Name the file itself: an error of `write` names no file, and the user does not know the temporary one.
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_json(path: Path, value: object, *, indent: int | None = 2, is_durable: bool = True) -> None:
    """Replace the content of ``path`` by ``value`` as readable JSON.

    A byte of a file name that is not UTF-8 becomes an escape, which a JSON parser reads back in Python's own form.
    """
    data = (json.dumps(value, indent=indent, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
    write_bytes(path, data, is_durable=is_durable)


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
