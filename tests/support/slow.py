"""Which of several equal inputs the check runs; `make slow` runs the others."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from _pytest.mark import ParameterSet


def each_once(*columns: Iterable[object]) -> list[ParameterSet]:
    """Return all combinations of values; as few as have every value of every column are not slow."""
    values = [list(column) for column in columns]
    found: list[tuple[object, ...]] = [()]
    for column in values:
        found = [(*one, value) for one in found for value in column]
    longest = max(map(len, values))
    quick = [tuple(column[at % len(column)] for column in values) for at in range(longest)]
    return [pytest.param(*one, marks=[] if one in quick else [pytest.mark.slow]) for one in found]


def one_of(values: Iterable[object], quick: object) -> list[ParameterSet]:
    """Return all values; only one is not slow."""
    return [pytest.param(value, marks=[] if value == quick else [pytest.mark.slow]) for value in values]
