"""Parse and check conditions on named values: `val_loss<2`, `training.lr<1e-3 and val/acc>0.8` (pure).

A condition is one or more comparisons, joined by `and`. A name may contain `/`, `.`, `-` and most other characters.
A name with spaces, quotes, parentheses or operators is quoted.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tsdia_run.errors.lookups import InvalidCondition

_TOKEN = re.compile(r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*')|(?P<operator><=|>=|==|!=|<|>|=)|(?P<word>[^\s<>=!"'()]+))""")
_AND = "and"
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
_OF_TEXTS = ("=", "==", "!=")
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class Comparison:
    """One comparison of a named value.

    Attributes:
        name: The name of the value.
        operator: One of ``< <= > >= = == !=``.
        text: What it is compared with.
        number: The same as a number; None if it is not a number, or is quoted.
    """

    name: str
    operator: str
    text: str
    number: float | None

    def holds(self, value: object) -> bool:
        """Return whether it holds for a value; it does not for a missing one, and a text has no order."""
        if value is None:
            return False
        compare = _OPERATORS[self.operator]
        found = _number(str(value)) if not isinstance(value, bool) else None
        if self.number is not None and found is not None:
            return compare(found, self.number)
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return self.operator in _OF_TEXTS and compare(text, self.text)


@dataclass(frozen=True)
class Condition:
    """Comparisons that must all hold.

    Attributes:
        text: The condition as the user wrote it.
        comparisons: The comparisons; at least one.
    """

    text: str
    comparisons: tuple[Comparison, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it compares, each once."""
        return tuple(dict.fromkeys(one.name for one in self.comparisons))

    def holds(self, values: Mapping[str, object]) -> bool:
        """Return whether all comparisons hold for the values."""
        return all(one.holds(values.get(one.name)) for one in self.comparisons)


@dataclass(frozen=True)
class _Token:
    text: str
    is_operator: bool = False
    is_quoted: bool = False

    @property
    def number(self) -> float | None:
        return None if self.is_quoted else _number(self.text)


def parse_condition(text: str) -> Condition:
    """Return the condition that a text means.

    Raises:
        InvalidCondition: The text is not a condition.
    """
    groups: list[list[_Token]] = [[]]
    for token in _tokens(text):
        if token == _Token(_AND):
            groups.append([])
        else:
            groups[-1].append(token)
    return Condition(text, tuple(_comparison(text, group) for group in groups))


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    rest = text.rstrip()
    while at < len(rest):
        match = _TOKEN.match(rest, at)
        if match is None:
            raise InvalidCondition(text, f"unexpected {rest[at:].strip()[0]!r}")
        quoted, word = match["quoted"], match["operator"] or match["word"]
        found.append(_Token(quoted[1:-1], is_quoted=True) if quoted else _Token(word, bool(match["operator"])))
        at = match.end()
    return found


def _comparison(text: str, tokens: Sequence[_Token]) -> Comparison:
    if [token.is_operator for token in tokens] != [False, True, False]:
        problem = "comparisons are joined by `and`" if len(tokens) > 3 else "expected NAME, an operator and a value"
        raise InvalidCondition(text, problem)
    left, sign, right = tokens
    word = sign.text
    if left.number is not None and right.number is None:
        left, word, right = right, _MIRRORED.get(word, word), left
    if left.number is not None or not left.text:
        raise InvalidCondition(text, "one side must be the name of a value")
    return Comparison(left.text, word, right.text, right.number)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
