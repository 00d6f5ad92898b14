"""Parse ``a.b=value`` and ``+a.b=value``, given the current value of the key (pure)."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from tsdia_run.config.document import Document, Format, parse
from tsdia_run.config.nodes import Item, plain
from tsdia_run.config.steps import Set
from tsdia_run.errors import ConfigError
from tsdia_run.errors.launching import AssignmentFault, InvalidAssignment

# Numbers that YAML 1.1, and so PyYAML, reads as a string: no dot, or no sign in the exponent.
NUMBER_AS_TEXT = re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+")
# Numbers that JSON and TOML also have.
_NUMBER = re.compile(r"[-+]?(0|[1-9][\d_]*)(\.\d*)?([eE][-+]?\d+)?|[-+]?\.(\d+([eE][-+]?\d+)?|inf|nan)", re.IGNORECASE)
# Words with one obvious meaning, even if the current value is a string.
_YAML_WORDS = frozenset({"", "~", "null", "true", "false"})


def split_override(assignment: str) -> tuple[str, str, bool]:
    """Split ``a.b=value`` or ``+a.b=value``.

    Returns:
        The key, the text of the value, and whether the assignment may add the key.

    Raises:
        UsageError: The assignment has no ``=`` or no key.
    """
    key, equals, text = assignment.partition("=")
    name = key.strip().removeprefix("+").removeprefix("+")  # Hydra adds with `+`, and adds or replaces with `++`
    if not equals or not all(name.split(".")):
        raise InvalidAssignment(assignment, AssignmentFault.NOT_KEY_VALUE)
    return name, text.strip(), name != key.strip()


def parse_override(assignment: str, document: Document) -> Set:
    """Parse an assignment.

    The value is parsed as YAML, with two exceptions. ``5e-6`` is a number, unless the current value is a string of that
    form. If the current value is any other string, a number, date or boolean stays a string.

    Raises:
        UsageError: The assignment has no ``=`` or no key, or its value is not YAML.
    """
    key, text, _ = split_override(assignment)
    old = document.find(key)
    before = old.plain if old else None
    return Set(key, _meant(text, before, assignment, document.format))


def _meant(text: str, before: Any, assignment: str, form: Format) -> Any:  # noqa: ANN401 - whatever YAML holds
    was_text = isinstance(before, str)
    was_number_as_text = was_text and NUMBER_AS_TEXT.fullmatch(before)
    is_quoted_or_nested = text[:1] in ("[", "{", '"', "'")
    if was_text and not was_number_as_text and not is_quoted_or_nested and text.lower() not in _YAML_WORDS:
        return text
    value = _read(text, assignment, form, numbers=not was_text)
    if isinstance(value, date) and not isinstance(before, date):
        return text
    return value


def _read(text: str, assignment: str, form: Format, *, numbers: bool) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Parse a value as YAML; with ``numbers``, numbers that YAML 1.1 reads as strings become numbers."""
    if "\n" in text or text.startswith("!") or " !" in text:
        raise InvalidAssignment(assignment, AssignmentFault.NOT_ONE_LINE)
    try:
        root = parse(f"value: {text}\n".encode("utf-8", "surrogateescape"), "the value", Format.YAML).root
    except ConfigError as error:
        if text[:1] not in ("[", "{", '"', "'"):
            return text  # `*.txt`, `a: b`: not YAML, but a string
        raise InvalidAssignment(assignment, AssignmentFault.NOT_YAML) from error
    item = root.value[0][1]
    if " #" in text and isinstance(item, ScalarNode) and item.style is None:
        return text  # a command line has no comments
    instead = {id(node): float(node.value.replace("_", "")) for node in _number_texts(item)} if numbers else {}
    if form is not Format.YAML:
        instead |= {id(node): node.value for node in _scalars(item) if _is_word_of_yaml(node, form)}
    return plain(item, instead)


def _is_word_of_yaml(node: ScalarNode, form: Format) -> bool:
    """Return whether a scalar is not a string in YAML only: yes, on, 1:30, 0x1f, 010, 2024-01-01."""
    kind = node.tag.rpartition(":")[2]
    if node.style is not None or kind == "str" or (kind == "timestamp" and form is Format.TOML):
        return False
    return node.value.lower() not in _YAML_WORDS and not _NUMBER.fullmatch(node.value)


def _number_texts(item: Item) -> list[ScalarNode]:
    return [node for node in _scalars(item) if node.style is None and NUMBER_AS_TEXT.fullmatch(node.value)]


def _scalars(item: Item) -> list[ScalarNode]:
    if isinstance(item, ScalarNode):
        return [item]
    if isinstance(item, SequenceNode):
        return [node for inner in item.value for node in _scalars(inner)]
    if isinstance(item, MappingNode):
        return [node for _, inner in item.value for node in _scalars(inner)]
    return []
