"""Edit keys in a config's text without changing any other text (pure).

An edit is the one that a person would make in an editor. A new value at an anchor applies to every alias of the anchor.
A value that is an alias is replaced in its own place only. After each edit, the new text is parsed and its data is
compared with the expected data. If they differ, the edit fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tsdia_run.config import node_edits
from tsdia_run.config.document import Document, Format, parse
from tsdia_run.config.steps import KeyChange, Redirect, Remove, Set, Step
from tsdia_run.errors import ConfigError


@dataclass(frozen=True)
class Edited:
    """A config after edits.

    Attributes:
        document: The new text, parsed.
        changes: The changes, in order.
    """

    document: Document
    changes: tuple[KeyChange, ...]

    @property
    def text(self) -> str:
        """The new text."""
        return self.document.text


def apply(document: Document, edits: Sequence[Set | Remove | Redirect]) -> Edited:
    """Edit a config.

    Raises:
        UsageError: A part of a key is looked up in a value that has no keys.
        ConfigError: A removed section contains an anchor that is used elsewhere, or the syntax of the text can't be
            edited safely.
    """
    changes = []
    for edit in edits:
        step = _step(document, edit)
        if step is not None:
            document = _verified(step, document)
            changes.append(step.change)
    return Edited(document, tuple(changes))


def _step(document: Document, edit: Set | Remove | Redirect) -> Step | None:
    if isinstance(edit, Redirect):
        return node_edits.point(document, edit)
    if document.format is Format.TOML:
        from tsdia_run.config import toml_edits  # few configs are TOML

        return toml_edits.set_(document, edit) if isinstance(edit, Set) else toml_edits.remove(document, edit.key)
    return node_edits.set_(document, edit) if isinstance(edit, Set) else node_edits.remove(document, edit.key)


def _verified(step: Step, before: Document) -> Document:
    """Parse the new text, and check that it has exactly the expected data."""
    try:
        document = parse(step.text.encode(), before.source, before.format)
        if _same(document.plain(), step.expected):
            return document
    except ConfigError:
        pass
    raise ConfigError(
        f"can't edit `{step.change.key}` in {before.source} safely: its syntax is too complex",
        hint="Rewrite this part of the config in a simpler form.",
    )


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - whatever YAML holds
    """Compare data: NaN equals NaN, the order of keys doesn't matter, and 1 differs from true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and (one == other or repr(one) == repr(other) == "nan")
