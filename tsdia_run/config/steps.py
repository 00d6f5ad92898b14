"""The requested edits of a config, and their results (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Set:
    """Set the value of a dotted key; missing parents are created."""

    key: str
    value: Any


@dataclass(frozen=True)
class Remove:
    """Remove a dotted key with everything below it; a missing key is no error."""

    key: str


@dataclass(frozen=True)
class Redirect:
    """Change the file that a scalar names; keep its tag and its anchor.

    Attributes:
        key: The dotted key, for messages.
        start: The position of the scalar in the text.
        path: The new file.
    """

    key: str
    start: int
    path: str


@dataclass(frozen=True)
class KeyChange:
    """The result of an edit.

    Attributes:
        key: The dotted key.
        old: The old text of the value; None if the key is new.
        new: The new text of the value; None if the key was removed.
    """

    key: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Step:
    """One edit: the new text, the change, and the data that the new text must have."""

    text: str
    change: KeyChange
    expected: Any


def put(data: Any, parts: Sequence[str], value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Return plain data with a value set at a path of keys; missing parents are created."""
    if not parts:
        return value
    if isinstance(data, list) and parts[0].isdecimal():
        number = int(parts[0])
        return [put(item, parts[1:], value) if at == number else item for at, item in enumerate(data)]
    data = data if isinstance(data, dict) else {}
    name = next((key for key in data if str(key) == parts[0]), parts[0])
    return {**data, name: put(data.get(name), parts[1:], value)}
