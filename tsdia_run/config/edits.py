"""Edits of a config's text that leave everything else as it is (pure).

An edit is the one that a person would make in an editor: a value at an anchor changes for everybody who uses the
anchor, a value that is an alias is replaced where it stands. After each edit the text is parsed again and compared with
what was wanted; a text that differs is never handed out.
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
        changes: What was done, in order.
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
        UsageError: A part of a key leads through a value that has no keys.
        ConfigError: A section that is taken out has an anchor which is used elsewhere, or the text is written in a way
            that can't be edited safely.
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
    """The new text as a document, which has exactly the data that was wanted."""
    try:
        document = parse(step.text.encode(), before.source, before.format)
        if _same(document.plain(), step.wanted):
            return document
    except ConfigError:
        pass
    raise ConfigError(
        f"{before.source} is written in a way in which `{step.change.key}` can't be edited safely",
        hint="Write that part more simply.",
    )


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - whatever YAML holds
    """Equal also for NaN, in any order of keys, and different for 1 and true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and (one == other or repr(one) == repr(other) == "nan")
