"""Typed access to what is read from a JSON file that somebody may have damaged."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")


class Fields:
    """A JSON object; ValueError names the field that is wrong.

    Args:
        data: What the JSON parser gave.
        what: The object in words, for messages.
    """

    def __init__(self, data: object, what: str) -> None:
        if not isinstance(data, Mapping):
            raise ValueError(f"{what} is not an object")
        self._data = data
        self._what = what

    def optional(self, name: str, kind: type[_T]) -> _T | None:
        """The value of a field, None where there is none."""
        value = self._data.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
            raise ValueError(f"`{name}` of {self._what} is not a {kind.__name__}")
        return value

    def required(self, name: str, kind: type[_T]) -> _T:
        """The value of a field that must be there."""
        value = self.optional(name, kind)
        if value is None:
            raise ValueError(f"{self._what} has no `{name}`")
        return value

    def optional_time(self, name: str) -> datetime | None:
        """A time; UTC where it has no zone."""
        text = self.optional(name, str)
        if text is None:
            return None
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=timezone.utc)

    def time(self, name: str) -> datetime:
        """A time that must be there."""
        at = self.optional_time(name)
        if at is None:
            raise ValueError(f"{self._what} has no `{name}`")
        return at


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """The bytes of an ordinary file, which somebody may have replaced by anything.

    Raises:
        OSError: It can't be opened or read.
        ValueError: It is no file, or larger than what we write.
    """
    # A pipe in its place would block the opening.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("it is not a file")
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ValueError("it is too large to be ours")
    return data


def parse_json(data: bytes) -> object:
    """JSON of whatever depth.

    Raises:
        ValueError: It is none.
    """
    try:
        parsed: object = json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return parsed
