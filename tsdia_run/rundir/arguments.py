"""The arguments of a script, flag by flag (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

# What a flag without a value has for one, and an absent flag.
GIVEN, ABSENT = "(given)", "(not set)"

# As argparse has it, and with an exponent.
_NUMBER = re.compile(r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# `lr=0.1`, `+model.size=3`: as hydra and OmegaConf take them.
_ASSIGNMENT = re.compile(r"[A-Za-z_+~][\w./@+-]*=.*", re.DOTALL)


def pairs(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each flag with its values, each assignment, and each other word, in order.

    A word after a flag is its value, since nobody but the script knows which flags take none; so are numbers that
    follow a number.

    Args:
        words: The arguments.

    Yields:
        The flag or the key of the assignment, and its values; ``""`` and the word for any other one.
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
    """The values of each flag as text, those of a repeated flag with commas between them; other words by position."""
    found: dict[str, list[str]] = {}
    position = 0
    for name, values in pairs(words):
        position += not name
        found.setdefault(name or f"argument {position}", []).append(" ".join(values) if values else GIVEN)
    return {name: ", ".join(texts) for name, texts in found.items()}


def changed(before: Sequence[str], now: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What differs between two command lines: the flag, its value before, and now."""
    old, new = by_flag(before), by_flag(now)

    def text(values: Mapping[str, str], name: str) -> str:
        return values.get(name, ABSENT)

    return {name: (text(old, name), text(new, name)) for name in {**old, **new} if old.get(name) != new.get(name)}


def _is_flag(word: str) -> bool:
    return len(word) > 1 and word.startswith("-") and not _NUMBER.fullmatch(word)


def _is_value(word: str) -> bool:
    return word != "--" and not _is_flag(word) and not _ASSIGNMENT.fullmatch(word)
