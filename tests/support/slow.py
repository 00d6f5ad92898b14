"""Which of several inputs of a test the check runs; `make slow` runs the others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from _pytest.mark import ParameterSet


def slow(*values: object) -> list[ParameterSet]:
    """Return values of a parameter, or of several, that only `make slow` uses."""
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow) for value in values
    ]


def each_once(first: Sequence[object], second: Sequence[object]) -> list[ParameterSet]:
    """Return all pairs of two lists; as few as have every value of both are not slow."""
    pairs = [(one, other) for one in first for other in second]
    quick = [(first[at % len(first)], second[at % len(second)]) for at in range(max(len(first), len(second)))]
    return [pytest.param(*pair, marks=[] if pair in quick else [pytest.mark.slow]) for pair in pairs]
