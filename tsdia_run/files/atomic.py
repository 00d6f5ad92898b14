"""Files that are whole or absent, whatever dies and whenever."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path

_BESIDE = re.compile(r"\.(?P<name>.+)\.\d+")


def write_bytes(path: Path, data: bytes, *, is_durable: bool = True) -> None:
    """Replace ``path`` by ``data`` in one step.

    Args:
        path: The file.
        data: What is to be in it.
        is_durable: Whether it must survive a loss of power once it is in place.

    Raises:
        OSError: The file system refused; the old content stands.
    """
    # A name may be as long as the file system allows; a character takes up to four bytes.
    beside = path.with_name(f".{path.name[:60]}.{os.getpid()}")
    try:
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            write_all(fd, data)
            if is_durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(beside)
        # Of the file that is meant: `write` does not name any, and nobody knows the other one.
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_json(path: Path, value: object, *, indent: int | None = 2, is_durable: bool = True) -> None:
    """Replace ``path`` by ``value`` as JSON that a person can read.

    What a file name has beside UTF-8 becomes an escape, which a JSON parser reads back as Python's own form of it.
    """
    data = (json.dumps(value, indent=indent, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
    write_bytes(path, data, is_durable=is_durable)


def write_all(fd: int, data: bytes) -> None:
    """Write everything, whatever the kernel takes at once.

    Raises:
        OSError: The file system refused; a part may be written.
    """
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def meant_for(name: str) -> str:
    """The name of the file that a file is written for: ``run.json`` for ``.run.json.4711``; else the name itself.

    One who was killed may have left it.
    """
    match = _BESIDE.fullmatch(name)
    return match.group("name") if match else name
