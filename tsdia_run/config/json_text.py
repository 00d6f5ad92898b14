"""JSON as a tree of nodes (pure). Python's own parser reads the scalars; ``.jsonc`` may have comments too."""

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
# As `json.load` takes them; NaN and Infinity are Python's own addition.
_WORD = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])|true\b|false\b|null\b|NaN\b|-?Infinity\b")


# Python's own; typeshed does not know it.
_scan_string: Callable[[str, int, bool], tuple[str, int]] = json.decoder.scanstring  # type: ignore[attr-defined]


def is_object(text: str) -> bool:
    """Whether a text is a JSON object."""
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] != "{":
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def compose(text: str, source: str) -> MappingNode:
    """The object at the top of a text.

    Raises:
        ConfigError: It is not JSON, not an object, or nested too deeply.
    """
    scanner = _Scanner(text, source)
    at = scanner.skip(1 if text.startswith("\ufeff") else 0)
    if at == len(text):
        raise ConfigError(f"{source} is empty", hint='Write settings as {"key": value}, or leave CONFIG out.')
    root, at = scanner.value(at, 0)
    at = scanner.skip(at)
    if at < len(text):
        scanner.fail(at, "there is something after the end of the value")
    if not isinstance(root, MappingNode):
        raise ConfigError(
            'a config must be an object: {"key": value}', place=place_at(text, root.start_mark.index, source)
        )
    return root


class _Scanner:
    """Reads values; each method takes a position and gives what it read with the position behind it."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._is_lenient = source.lower().endswith(".jsonc")

    def skip(self, at: int) -> int:
        """Behind white space, and behind comments where they are allowed."""
        match = (_SPACE_AND_COMMENTS if self._is_lenient else _SPACE).match(self._text, at)
        return match.end() if match else at

    def fail(self, at: int, problem: str, hint: str = "") -> NoReturn:
        """Raise the error about a position."""
        if self._text.startswith(("//", "/*", "#"), at):
            hint = "JSON has no comments: remove it, or name the file .jsonc if the script can read it."
        raise ConfigError(f"not valid JSON: {problem}", place=place_at(self._text, at, self._source), hint=hint)

    def value(self, at: int, depth: int) -> tuple[Node, int]:
        """Any value."""
        if depth > MAX_DEPTH:
            self.fail(at, "it is nested too deeply")
        character = self._text[at : at + 1]
        if character == "{":
            return self._object(at, depth)
        if character == "[":
            return self._array(at, depth)
        if character == '"':
            return self._string(at)
        match = _WORD.match(self._text, at)
        if match is None:
            hint = "Texts stand in double quotes." if character == "'" or character.isalpha() else ""
            self.fail(at, "a value is missing" if character in ("", ",", "]", "}") else "this is not a value", hint)
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
                self.fail(at, "a key in double quotes is missing")
            key, at = self._string(at)
            at = self.skip(at)
            if self._text[at : at + 1] != ":":
                self.fail(at, "a colon is missing after the key")
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
        """Where the next item begins, or behind the end, and which of the two it is."""
        at = self.skip(at)
        if self._text.startswith(end, at):
            return at + 1, True
        if is_first:
            return at, False
        if not self._text.startswith(",", at):
            self.fail(at, f"a comma or `{end}` is missing")
        after = self.skip(at + 1)
        if self._text.startswith(end, after):
            if self._is_lenient:
                return after + 1, True
            self.fail(at, f"there is a comma before `{end}`", "Remove the comma.")
        return after, False
