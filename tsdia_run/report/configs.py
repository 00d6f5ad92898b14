"""Choose the important values of a config, and compare the configs of several runs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tsdia_run import config
from tsdia_run.errors import TsdiaRunError

# The keys of important values.
_HIGHLIGHTS = re.compile(
    r"(?:^|[._])(?:lr|learning_rate|batch_size|epochs|num_epochs|max_epochs|max_steps|seed|optimizer|weight_decay"
    r"|model|model_name|model_type|name|architecture|precision|mixed_precision|gradient_accumulation_steps)$"
)
_MOST_HIGHLIGHTS = 12
_MOST_CHARACTERS = 60
_CONTEXT_CHARACTERS = 20


def values(path: Path) -> Mapping[str, str] | None:
    """Return every value of a config by its dotted key, as text; None if the config can't be read."""
    try:
        document = config.read(path)
    except TsdiaRunError:
        return None
    return {key: _text(value.plain) for key, value in document.scalars()}


def highlights(found: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the important values, in the order of the config."""
    chosen = [(key, text) for key, text in found.items() if _HIGHLIGHTS.search(key) and text != "null"]
    return [(key, shortened([text])[0]) for key, text in chosen[:_MOST_HIGHLIGHTS]]


def differing(configs: Sequence[Mapping[str, str] | None]) -> dict[str, list[str | None]]:
    """Return the keys whose values differ: the value in each config, None if it has no such key."""
    keys = dict.fromkeys(key for one in configs for key in one or ())
    table = {key: [None if one is None else one.get(key) for one in configs] for key in keys}
    return {key: row for key, row in table.items() if len(set(row)) > 1}


def shortened(texts: Sequence[str]) -> list[str]:
    """Shorten long texts to the part in which they differ."""
    if all(len(text) <= _MOST_CHARACTERS for text in texts):
        return list(texts)
    first_different = next(
        (at for at, characters in enumerate(zip(*texts, strict=False)) if len(set(characters)) > 1), 0
    )
    start = max(0, first_different - _CONTEXT_CHARACTERS)
    cut = [("…" if start else "") + text[start:] for text in texts]
    return [text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…" for text in cut]


def _text(value: object) -> str:
    return (
        value
        if isinstance(value, str) and value and _is_plain(value)
        else json.dumps(value, default=str, ensure_ascii=False)
    )


def _is_plain(text: str) -> bool:
    """Return whether a string can't be read as another type: "5" and 5 are different values for a script."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return True
    return False
