"""Read typed values from a JSON file that may be damaged."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

from tsdia_run.files.opening import open_regular
from tsdia_run.text import visible

_MAX_SCRIPT_BYTES = 1024 * 1024
# The largest summaries of metrics and headers of models have about a million.
_MAX_PARTS = 4_000_000

_T = TypeVar("_T")


class Fields:
    """A JSON object. A ValueError names the invalid field.

    Args:
        data: The output of the JSON parser.
        what: The description of the object in messages.
    """

    def __init__(self, data: object, what: str) -> None:
        if not isinstance(data, Mapping):
            raise ValueError(f"{what} is not an object")
        self._data = data
        self._what = what

    def optional(self, name: str, kind: type[_T]) -> _T | None:
        """Return the value of a field; None if it is missing."""
        value = self._data.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
            raise ValueError(f"`{name}` of {self._what} is not a {kind.__name__}")
        if isinstance(value, str) and not can_be_path(value):
            raise ValueError(f"`{name}` of {self._what} contains invalid characters")
        return value

    def required(self, name: str, kind: type[_T]) -> _T:
        """Return the value of a required field."""
        value = self.optional(name, kind)
        if value is None:
            raise ValueError(f"{self._what} has no `{name}`")
        return value

    def shown(self, name: str) -> str | None:
        """Return a string for display, in one clean line; None if it is missing or not a string."""
        value = self._data.get(name)
        return visible(value) if isinstance(value, str) else None

    def lenient(self, name: str, kind: type[_T]) -> _T | None:
        """Return the value of an optional field; None if it is missing or invalid."""
        try:
            return self.optional(name, kind)
        except ValueError:
            return None

    def lenient_texts(self, name: str) -> tuple[str, ...] | None:
        """Return an optional list of strings; None if it is missing or not a list."""
        value = self.lenient(name, list)
        return None if value is None else tuple(map(str, value))

    def lenient_time(self, name: str) -> datetime | None:
        """Return an optional time; None if it is missing or invalid."""
        try:
            return self.optional_time(name)
        except ValueError:
            return None

    def optional_time(self, name: str) -> datetime | None:
        """Return a time, or None if it is missing; a time without a zone is UTC."""
        text = self.optional(name, str)
        if text is None:
            return None
        at = datetime.fromisoformat(text)
        if not 1970 < at.year < 9999:  # near these limits, the time may be out of range in another time zone
            raise ValueError(f"`{name}` of {self._what} is not a valid timestamp")
        return at if at.tzinfo else at.replace(tzinfo=timezone.utc)

    def time(self, name: str) -> datetime:
        """Return a required time."""
        at = self.optional_time(name)
        if at is None:
            raise ValueError(f"{self._what} has no `{name}`")
        return at


def can_be_path(text: str) -> bool:
    """Return whether a text is usable as a path, existing or not: it has no NUL and no lone surrogate."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def read_bounded(path: Path, max_bytes: int, dir_fd: int | None = None) -> bytes:
    """Return the bytes of a regular file; ``dir_fd`` as in ``open_regular``.

    Raises:
        OSError: The file can't be opened or read, or is not a regular file.
        ValueError: The file is larger than any file that tsdia-run writes there.
    """
    with open_regular(path, dir_fd) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        # Python would allocate a buffer of the limit.
        data = file.read(size_bytes + 1) if size_bytes <= max_bytes else b""
    if max(len(data), size_bytes) > max_bytes:
        raise ValueError(f"too large (more than {max_bytes} bytes)")
    return data


def parse_json(data: bytes) -> object:
    """Parse JSON.

    Raises:
        ValueError: The data is not JSON, is nested too deeply, or has too many parts.
    """
    # An empty list takes two bytes in a file and 64 in memory.
    if data.count(b"[") + data.count(b"{") > _MAX_PARTS:
        raise ValueError(f"more than {_MAX_PARTS} lists and objects")
    try:
        parsed: object = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return parsed


def read_object(path: Path, max_bytes: int) -> dict[str, object]:
    """Return the JSON object in a file; an empty object if it can't be read."""
    try:
        data = parse_json(read_bounded(path, max_bytes))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def beginning_of(path: Path) -> str:
    """Return the first part of a script as text; empty if it can't be read."""
    try:
        with open_regular(path) as file:
            return file.read(_MAX_SCRIPT_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):  # a recorded path may contain any character
        return ""
