"""Parse JSON into a tree of nodes (pure). Python's parser reads the scalars. ``.jsonc`` files may have comments."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NoReturn

from yaml.nodes import MappingNode, Node, SequenceNode

from tsdia_run.config.nodes import MAX_DEPTH, Literal, mark, place_at
from tsdia_run.errors import ConfigError

_MAP, _SEQ = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"
_SPACE = re.compile(r"[ \t\r\n]*")
_SPACE_AND_COMMENTS = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
# The literals that `json.load` accepts; NaN and Infinity are an extension of Python.
_WORD = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])|true\b|false\b|null\b|NaN\b|-?Infinity\b")


# Part of Python's json module; missing in typeshed.
_scan_string: Callable[[str, int, bool], tuple[str, int]] = json.decoder.scanstring  # type: ignore[attr-defined]


def is_object(text: str) -> bool:
    """Return whether a text is a JSON object."""
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] != "{":
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def compose(text: str, source: str) -> MappingNode:
    """Parse a text and return its top-level object.

    Raises:
        ConfigError: The text is not JSON, not an object, or nested too deeply.
    """
    scanner = _Scanner(text, source)
    at = scanner.skip(1 if text.startswith("\ufeff") else 0)
    if at == len(text):
        raise ConfigError(f"{source} is empty", hint='Write settings as {"key": value}, or omit CONFIG.')
    root, at = scanner.value(at, 0)
    at = scanner.skip(at)
    if at < len(text):
        scanner.fail(at, "unexpected text after the end of the value")
    if not isinstance(root, MappingNode):
        raise ConfigError(
            'a config must be an object: {"key": value}', place=place_at(text, root.start_mark.index, source)
        )
    return root


class _Scanner:
    """Reads values. Each method takes a position and returns the parsed value and the position after it."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._is_lenient = source.lower().endswith(".jsonc")

    def skip(self, at: int) -> int:
        """Return the position after white space, and after comments if they are allowed."""
        match = (_SPACE_AND_COMMENTS if self._is_lenient else _SPACE).match(self._text, at)
        return match.end() if match else at

    def fail(self, at: int, problem: str, hint: str = "") -> NoReturn:
        """Raise a syntax error at a position."""
        if self._text.startswith(("//", "/*", "#"), at):
            hint = "JSON has no comments: remove this one, or name the file .jsonc if the script can read that."
        raise ConfigError(f"not valid JSON: {problem}", place=place_at(self._text, at, self._source), hint=hint)

    def value(self, at: int, depth: int) -> tuple[Node, int]:
        """Read a value of any type."""
        if depth > MAX_DEPTH:
            self.fail(at, "nested too deeply")
        character = self._text[at : at + 1]
        if character == "{":
            return self._object(at, depth)
        if character == "[":
            return self._array(at, depth)
        if character == '"':
            return self._string(at)
        match = _WORD.match(self._text, at)
        if match is None:
            hint = "Put strings in double quotes." if character == "'" or character.isalpha() else ""
            self.fail(at, "missing value" if character in ("", ",", "]", "}") else "invalid value", hint)
        try:
            data = json.loads(match.group())
        except ValueError:
            self.fail(at, "this number has too many digits")
        return Literal(data, at, match.end()), match.end()

    def _string(self, at: int) -> tuple[Literal, int]:
        try:
            data, end = _scan_string(self._text, at + 1, True)
        except json.JSONDecodeError as error:
            self.fail(min(error.pos, len(self._text)), error.msg[:1].lower() + error.msg[1:].removesuffix(" at"))
        return Literal(data, at, end), end

    def _object(self, start: int, depth: int) -> tuple[Node, int]:
        pairs: list[tuple[Node, Node]] = []
        at, is_end = self._next(start + 1, "}", is_first=True)
        while not is_end:
            if self._text[at : at + 1] != '"':
                self.fail(at, "expected a key in double quotes")
            key, at = self._string(at)
            at = self.skip(at)
            if self._text[at : at + 1] != ":":
                self.fail(at, "missing colon after the key")
            item, at = self.value(self.skip(at + 1), depth + 1)
            pairs.append((key, item))
            at, is_end = self._next(at, "}")
        return MappingNode(_MAP, pairs, mark(start), mark(at), flow_style=True), at

    def _array(self, start: int, depth: int) -> tuple[Node, int]:
        items: list[Node] = []
        at, is_end = self._next(start + 1, "]", is_first=True)
        while not is_end:
            item, at = self.value(at, depth + 1)
            items.append(item)
            at, is_end = self._next(at, "]")
        return SequenceNode(_SEQ, items, mark(start), mark(at), flow_style=True), at

    def _next(self, at: int, end: str, *, is_first: bool = False) -> tuple[int, bool]:
        """Return the position of the next item and False, or the position after the end and True."""
        at = self.skip(at)
        if self._text.startswith(end, at):
            return at + 1, True
        if is_first:
            return at, False
        if not self._text.startswith(",", at):
            self.fail(at, f"missing comma or `{end}`")
        after = self.skip(at + 1)
        if self._text.startswith(end, after):
            if self._is_lenient:
                return after + 1, True
            self.fail(at, f"comma before `{end}`", "Remove the comma.")
        return after, False
