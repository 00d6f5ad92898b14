"""Split the arguments of a script into flags and values, and compare them (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

# Shown as the value of a flag without a value, and of a missing flag.
GIVEN, ABSENT = "(given)", "(not set)"

# The pattern of argparse, with an exponent.
_NUMBER = re.compile(r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# `lr=0.1`, `+model.size=3`: the syntax of Hydra and OmegaConf.
_ASSIGNMENT = re.compile(r"[A-Za-z_+~][\w./@+-]*=.*", re.DOTALL)


def pairs(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each flag with its values, each assignment and each other word, in order.

    A word after a flag is its value, since only the script knows which flags take no value. Numbers that follow a
    number are values, too.

    Args:
        words: The arguments.

    Yields:
        The flag or the key of the assignment, and its values; ``""`` and the word for any other word.
    """
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            yield from (("", [rest]) for rest in waiting)
            return
        name, equals, value = word.partition("=")
        if not _is_flag(word):
            yield (name, [value]) if _ASSIGNMENT.fullmatch(word) else ("", [word])
            continue
        values = [value] if equals else []
        if not values and waiting and _is_value(waiting[0]):
            values.append(waiting.pop(0))
        while values and waiting and all(_NUMBER.fullmatch(one) for one in (values[-1], waiting[0])):
            values.append(waiting.pop(0))
        yield name, values


def by_flag(words: Sequence[str]) -> dict[str, str]:
    """Return the values of each flag as text, with commas for a repeated flag; other words by position."""
    found: dict[str, list[str]] = {}
    position = 0
    for name, values in pairs(words):
        position += not name
        found.setdefault(name or f"argument {position}", []).append(" ".join(values) if values else GIVEN)
    return {name: ", ".join(texts) for name, texts in found.items()}


def changed(before: Sequence[str], now: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the flags that differ between two command lines, each with its values before and now."""
    old, new = by_flag(before), by_flag(now)

    def text(values: Mapping[str, str], name: str) -> str:
        return values.get(name, ABSENT)

    return {name: (text(old, name), text(new, name)) for name in {**old, **new} if old.get(name) != new.get(name)}


def _is_flag(word: str) -> bool:
    return len(word) > 1 and word.startswith("-") and not _NUMBER.fullmatch(word)


def _is_value(word: str) -> bool:
    return word != "--" and not _is_flag(word) and not _ASSIGNMENT.fullmatch(word)
