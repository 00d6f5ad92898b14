"""``--set a.b=value``: what is meant, given what stands there (pure)."""

from __future__ import annotations

import re
from typing import Any

from tsdia_run.config.document import Document, parse
from tsdia_run.config.edits import Set
from tsdia_run.errors import ConfigError, UsageError

# Numbers that YAML 1.1, and so PyYAML, reads as text: no dot, or no sign in the exponent.
NUMBER_AS_TEXT = re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+")
# What means the same to everybody, also where a text was.
_YAML_WORDS = frozenset({"", "~", "null", "true", "false"})


def parse_override(assignment: str, document: Document) -> Set:
    """Read an assignment.

    The value is read as YAML, except that ``5e-6`` is a number unless such a text was there, and that what would become
    a number, a date or a truth value stays a text where an ordinary text was.

    Raises:
        UsageError: There is no ``=``, no key, or no YAML behind it.
    """
    key, equals, text = assignment.partition("=")
    if not equals or not all(key.strip().split(".")):
        raise UsageError(f"--set {assignment}: this is not KEY=VALUE", hint="For example: --set training.epochs=20")
    key = key.strip()
    value = _read(text.strip(), assignment)
    old = document.find(key)
    before = old.plain if old else None
    return Set(key, _meant(text.strip(), value, before))


def _meant(text: str, value: Any, before: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    was_text = isinstance(before, str)
    was_number_as_text = was_text and NUMBER_AS_TEXT.fullmatch(before)
    if isinstance(value, str):
        is_number = NUMBER_AS_TEXT.fullmatch(text) and not was_text
        return float(text.replace("_", "")) if is_number else value
    if was_text and not was_number_as_text and text.lower() not in _YAML_WORDS and not isinstance(value, (dict, list)):
        return text
    return value


def _read(text: str, assignment: str) -> Any:  # noqa: ANN401 - whatever YAML holds
    try:
        document = parse(f"value: {text}\n".encode(), "--set")
    except ConfigError as error:
        raise UsageError(
            f"--set {assignment}: the value is not valid YAML", hint="""Quote it twice: --set 'a.b="text: text"'"""
        ) from error
    if len(document.root.value) != 1 or "\n" in text or (text.startswith("!") or " !" in text):
        raise UsageError(f"--set {assignment}: the value is not plain YAML on one line")
    return document.plain()["value"]
