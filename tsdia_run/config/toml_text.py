"""Parse TOML into a tree of nodes.

The standard parser checks the syntax and reads the values, but reports no positions. So a scanner, which can assume a
valid text, finds the positions of keys and values. Its tree must have the same data as the standard parser's result.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from yaml.nodes import MappingNode, Node, SequenceNode

from tsdia_run.config.nodes import Literal, TooLargeError, mark, measure, place_at, plain
from tsdia_run.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MAP, _SEQ = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"
_SPACE = re.compile(r"[ \t]*")
_SPACE_LINES_AND_COMMENTS = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}|" + r'"(?:[^"\\]|\\.)*"|' + r"'[^']*'",
    re.DOTALL,
)
_WORD = re.compile(r"[^\s,\]}#]+(?: \d\d:[^\s,\]}#]+)?")
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")


class TableNode(MappingNode):
    """A table.

    Attributes:
        at: The position for a new key; None if the text has no line for the table.
        prefix: The keys from that position to the table.
    """

    def __init__(self, start: int, at: int | None, prefix: tuple[str, ...]) -> None:
        super().__init__(_MAP, [], mark(start), mark(start), flow_style=False)
        self.at = at
        self.prefix = prefix

    def get(self, name: str) -> Any:  # noqa: ANN401 - a node, as PyYAML types them
        """Return the value of a key; None if the key is missing."""
        return next((node for key, node in self.value if key.data == name), None)


class Root(TableNode):
    """The top-level table.

    Attributes:
        lines: The statements of the text, without comments: the key of each one, its start and end, and whether it is
            a table header.
    """

    def __init__(self, at: int) -> None:
        super().__init__(0, at, ())
        self.lines: list[tuple[tuple[str, ...], int, int, bool]] = []


def compose(text: str, source: str) -> MappingNode:
    """Parse a text and return its top-level table.

    Raises:
        ConfigError: The text is not TOML, is nested too deeply, or tsdia-run can't find the positions of its values.
    """
    try:
        # The parser rejects a text with a lone carriage return, and reads CRLF as LF.
        data = tomllib.loads(text)
        root = _Scanner(text).document()
        measure(root, {}, 0)
        is_same = repr(plain(root)) == repr(data)
    except ValueError as error:  # a TOMLDecodeError, or a number with too many digits
        raise _syntax_error(str(error), text, source) from error
    except (RecursionError, TooLargeError) as error:
        raise ConfigError(f"{source} is nested too deeply", hint="Use fewer levels.") from error
    if not is_same:
        raise ConfigError(
            f"can't find the positions of the values in {source}",
            hint="Rewrite it in a simpler form, or as YAML or JSON.",
        )
    return root


def _syntax_error(message: str, text: str, source: str) -> ConfigError:
    match = _PLACE.search(message)
    problem = _PLACE.sub("", message).removesuffix(" (at end of document)")
    index = len(text)
    if match:
        lines = text.split("\n")
        index = sum(len(line) + 1 for line in lines[: int(match.group(1)) - 1]) + int(match.group(2)) - 1
    hint = "Put strings in quotes." if problem == "Invalid value" else ""
    return ConfigError(f"not valid TOML: {problem}", place=place_at(text, min(index, len(text)), source), hint=hint)


class _Scanner:
    """Finds the positions in valid TOML. Each method returns the parsed item and the position after it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def document(self) -> Root:
        """Read the complete text."""
        at = self._skip(0)
        root = Root(self._text.rfind("\n", 0, at) + 1)
        table: TableNode = root
        while at < len(self._text):
            start, is_head = at, self._text[at] == "["
            if is_head:
                path, at = self._path(at + (2 if self._text.startswith("[[", at) else 1))
                at += 2 if self._text.startswith("[[", start) else 1
                table = _headed(root, [key.data for key in path], start, is_array=self._text.startswith("[[", start))
                table.at = self._line_end(at)
            else:
                path, at = self._path(at)
                node, at = self._value(_SPACE.match(self._text, at + 1).end())  # type: ignore[union-attr]
                _put(table, path, node)
            root.lines.append((tuple(key.data for key in path), start, at, is_head))
            at = self._skip(at)
        return root

    def _skip(self, at: int) -> int:
        match = _SPACE_LINES_AND_COMMENTS.match(self._text, at)
        return match.end() if match else at

    def _line_end(self, at: int) -> int:
        return self._text.find("\n", at) + 1 or len(self._text)

    def _path(self, at: int) -> tuple[list[Literal], int]:
        """Read a dotted key, up to its ``=`` or ``]``."""
        keys = []
        while True:
            at = self._space(at)
            match = _BARE_KEY.match(self._text, at)
            if match:
                keys.append(Literal(match.group(), at, match.end()))
                at = match.end()
            else:
                key, at = self._string(at)
                keys.append(key)
            at = self._space(at)
            if not self._text.startswith(".", at):
                return keys, at
            at += 1

    def _space(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def _string(self, at: int) -> tuple[Literal, int]:
        match = _STRING.match(self._text, at)
        end = match.end() if match else at + 1
        return Literal(_data(self._text[at:end]), at, end), end

    def _value(self, at: int) -> tuple[Node, int]:
        character = self._text[at]
        if character == "[":
            return self._array(at)
        if character == "{":
            return self._inline(at)
        if character in "\"'":
            return self._string(at)
        match = _WORD.match(self._text, at)
        end = match.end() if match else at + 1
        return Literal(_data(self._text[at:end]), at, end), end

    def _array(self, start: int) -> tuple[Node, int]:
        items, at = [], self._skip(start + 1)
        while self._text[at] != "]":
            item, at = self._value(at)
            items.append(item)
            at = self._skip(at)
            at = self._skip(at + 1) if self._text[at] == "," else at
        return SequenceNode(_SEQ, items, mark(start), mark(at + 1), flow_style=True), at + 1

    def _inline(self, start: int) -> tuple[Node, int]:
        table, at = TableNode(start, start + 1, ()), self._skip(start + 1)
        table.flow_style = True
        while self._text[at] != "}":
            path, at = self._path(at)
            node, at = self._value(self._space(at + 1))
            _put(table, path, node)
            at = self._skip(at)
            at = self._skip(at + 1) if self._text[at] == "," else at
        table.end_mark = mark(at + 1)
        return table, at + 1


def _data(text: str) -> Any:  # noqa: ANN401 - whatever TOML holds
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except ValueError:  # the scanner lost its position; its data will differ
        return None


def _put(table: TableNode, path: list[Literal], node: Node) -> None:
    """Add a value under a dotted key, and create the tables that the key implies."""
    for key in path[:-1]:
        inner = table.get(key.data)
        if inner is None:
            inner = TableNode(key.start_mark.index, table.at, (*table.prefix, key.data))
            inner.flow_style = table.flow_style
            table.value.append((key, inner))
        table = inner
    table.value.append((path[-1], node))


def _headed(root: Root, names: list[str], start: int, *, is_array: bool) -> TableNode:
    """Return the table of a header; create it if it is new. In an array of tables, the last table is used."""
    table: TableNode = root
    for name in names[:-1]:
        inner = table.get(name)
        if inner is None:
            inner = TableNode(start, None, ())
            table.value.append((Literal(name, start, start), inner))
        table = inner.value[-1] if isinstance(inner, SequenceNode) else inner
    found = table.get(names[-1])
    if is_array:
        if found is None:
            found = SequenceNode(_SEQ, [], mark(start), mark(start), flow_style=False)
            table.value.append((Literal(names[-1], start, start), found))
        found.value.append(TableNode(start, None, ()))
        last: TableNode = found.value[-1]
        return last
    if found is None:
        found = TableNode(start, None, ())
        table.value.append((Literal(names[-1], start, start), found))
    found.start_mark = mark(start)
    result: TableNode = found
    return result
