"""What an edit of a config asks for, and what it did (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Set:
    """Put a value at a dotted key; missing parents are made."""

    key: str
    value: Any


@dataclass(frozen=True)
class Remove:
    """Take a dotted key out, with everything below it; nothing happens where it is not there."""

    key: str


@dataclass(frozen=True)
class Redirect:
    """Let a scalar name another file; its tag and its anchor stay.

    Attributes:
        key: Its dotted key, to show.
        start: Where it begins in the text.
        path: The file.
    """

    key: str
    start: int
    path: str


@dataclass(frozen=True)
class KeyChange:
    """What an edit did.

    Attributes:
        key: The dotted key.
        old: The text that stood there; None where there was none.
        new: The text that stands there; None where it was taken out.
    """

    key: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Step:
    """One edit carried out: the new text, what was done, and the data that the text must have."""

    text: str
    change: KeyChange
    wanted: Any


def put(data: Any, parts: Sequence[str], value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Plain data with a value put where the keys lead; missing parents are made."""
    if not parts:
        return value
    if isinstance(data, list) and parts[0].isdecimal():
        number = int(parts[0])
        return [put(item, parts[1:], value) if at == number else item for at, item in enumerate(data)]
    data = data if isinstance(data, dict) else {}
    name = next((key for key in data if str(key) == parts[0]), parts[0])
    return {**data, name: put(data.get(name), parts[1:], value)}
