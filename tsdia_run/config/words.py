"""The nearest known word for one that is not known (pure)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that the user probably meant; None where none is near."""
    return next(iter(difflib.get_close_matches(word, list(candidates), n=1)), None)
