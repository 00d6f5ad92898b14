"""Files that are whole or absent, whatever dies and whenever."""

from __future__ import annotations

import json
import os
from pathlib import Path


def write_bytes(path: Path, data: bytes, *, is_durable: bool = True) -> None:
    """Replace ``path`` by ``data`` in one step.

    Args:
        path: The file.
        data: What is to be in it.
        is_durable: Whether it must survive a loss of power once it is in place.

    Raises:
        OSError: The file system refused; the old content stands.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            if is_durable:
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: object, *, is_durable: bool = True) -> None:
    """Replace ``path`` by ``value`` as JSON that a person can read.

    What a file name has beside UTF-8 becomes an escape, which a JSON parser reads back as Python's own form of it.
    """
    data = (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
    write_bytes(path, data, is_durable=is_durable)
