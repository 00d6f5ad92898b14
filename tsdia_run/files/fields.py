"""Typed access to what is read from a JSON file that somebody may have damaged."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO, TypeVar

from tsdia_run.text import visible

_MAX_SCRIPT_BYTES = 1024 * 1024

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
        if isinstance(value, str) and not can_be_path(value):
            raise ValueError(f"`{name}` of {self._what} has characters that no text of ours has")
        return value

    def required(self, name: str, kind: type[_T]) -> _T:
        """The value of a field that must be there."""
        value = self.optional(name, kind)
        if value is None:
            raise ValueError(f"{self._what} has no `{name}`")
        return value

    def shown(self, name: str) -> str | None:
        """A text that is only shown, in one clean line; None where it is missing or no text."""
        value = self._data.get(name)
        return visible(value) if isinstance(value, str) else None

    def lenient(self, name: str, kind: type[_T]) -> _T | None:
        """The value of a field that nothing depends on; None where it is missing or not usable."""
        try:
            return self.optional(name, kind)
        except ValueError:
            return None

    def lenient_texts(self, name: str) -> tuple[str, ...] | None:
        """A list of texts that nothing depends on; None where it is missing or no list."""
        value = self.lenient(name, list)
        return None if value is None else tuple(map(str, value))

    def lenient_time(self, name: str) -> datetime | None:
        """A time that nothing depends on; None where it is missing or not usable."""
        try:
            return self.optional_time(name)
        except ValueError:
            return None

    def optional_time(self, name: str) -> datetime | None:
        """A time; UTC where it has no zone."""
        text = self.optional(name, str)
        if text is None:
            return None
        at = datetime.fromisoformat(text)
        if not 1970 < at.year < 9999:  # at the ends, another time zone may be out of range
            raise ValueError(f"`{name}` of {self._what} is no time of a run")
        return at if at.tzinfo else at.replace(tzinfo=timezone.utc)

    def time(self, name: str) -> datetime:
        """A time that must be there."""
        at = self.optional_time(name)
        if at is None:
            raise ValueError(f"{self._what} has no `{name}`")
        return at


def open_regular(path: Path, dir_fd: int | None = None) -> BinaryIO:
    """Open an ordinary file for reading, which somebody may have replaced by anything.

    Args:
        path: The file.
        dir_fd: The open folder that a relative path is relative to, instead of the working directory.

    Raises:
        OSError: It can't be opened, or is none.
    """
    # A pipe in its place would block the opening.
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=dir_fd), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is not a file", str(path))
    return file


def can_be_path(text: str) -> bool:
    """Whether the system would take a text for a path, there or not: it has neither NUL nor half a character."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def read_bounded(path: Path, max_bytes: int, dir_fd: int | None = None) -> bytes:
    """The bytes of an ordinary file, which somebody may have replaced by anything; ``dir_fd`` as ``open_regular``.

    Raises:
        OSError: It can't be opened or read, or is no file.
        ValueError: It is larger than what we write.
    """
    with open_regular(path, dir_fd) as file:
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


def read_object(path: Path, max_bytes: int) -> dict[str, object]:
    """The JSON object in a file; an empty one where there is none that can be read."""
    try:
        data = parse_json(read_bounded(path, max_bytes))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def beginning_of(path: Path) -> str:
    """The beginning of a script, as far as it can be read as text."""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_SCRIPT_BYTES).decode("utf-8", "replace") if path.is_file() else ""
    except OSError:
        return ""
