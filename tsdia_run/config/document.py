"""A parsed config: its text, and a tree of nodes that know where they stand in it (pure).

Nothing is ever constructed from a tag: what only the script's own loader understands (``!include``) stays text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import Resolver
from yaml.scanner import Scanner

from tsdia_run.errors import ConfigError, Place

# Far above any config, far below what would hurt: aliases of aliases multiply.
MAX_EXPANDED_NODES = 1_000_000
MAX_DEPTH = 100

_MERGE = "tag:yaml.org,2002:merge"
_PLAIN_TAGS = tuple(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "timestamp", "str"))
_HINTS = (
    ("'\\t'", "YAML is not indented by tabs: replace them by spaces."),
    ("mapping values are not allowed", "Quote a text that has `: ` in it."),
    ("undefined alias", "Quote a text that begins with `*`; an alias needs its `&anchor` before it."),
    ("cannot start any token", "Quote a text that begins with this character."),
    ("expected ':'", "Is there a line without `: `?"),
    ("expected <block end>", "Is this line indented as its neighbours are?"),
    ("found another document", "A config is one document: remove the line `---` and what follows it."),
)


@dataclass(frozen=True)
class Alias:
    """``*name`` where it stands, and the node that it stands for."""

    target: Node
    start: int
    end: int


Item = Node | Alias


@dataclass(frozen=True)
class Value:
    """What stands at a key.

    Attributes:
        place: Where its text begins.
        plain: It as plain data, as ``yaml.safe_load`` would read it.
    """

    place: Place
    plain: Any


class _Loader(Reader, Scanner, Parser, Composer, Resolver):
    """PyYAML's own, but aliases stay visible in the tree."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        Resolver.__init__(self)

    def compose_node(self, parent: Node | None, index: Any) -> Any:  # noqa: ANN401 - as in PyYAML
        if not self.check_event(AliasEvent):
            return super().compose_node(parent, index)
        event = self.peek_event()  # type: ignore[no-untyped-call]
        target = super().compose_node(parent, index)
        return None if target is None else Alias(target, event.start_mark.index, event.end_mark.index)


_constructor = SafeConstructor()


class Document:
    """A config.

    Attributes:
        data: The bytes as they were read.
        text: The same, decoded; a byte order mark stays in it.
        source: How messages name the file.
        root: The mapping at the top.
    """

    def __init__(self, data: bytes, text: str, source: str, root: MappingNode) -> None:
        self.data = data
        self.text = text
        self.source = source
        self.root = root

    def find(self, key: str) -> Value | None:
        """What stands at a dotted key; list items by their number from 0. Aliases and merges are followed."""
        item: Item = self.root
        for part in path_to(self.root, key):
            found = child(item, part)
            if found is None:
                return None
            item = found
        return self.value(item)

    def value(self, item: Item) -> Value:
        """An item of the tree with its place and data."""
        start = item.start if isinstance(item, Alias) else item.start_mark.index
        return Value(place_at(self.text, start, self.source), plain(item))

    def plain(self) -> dict[Any, Any]:
        """The whole config as plain data, as ``yaml.safe_load`` would read it; what has an unknown tag as its text."""
        data = plain(self.root)
        assert isinstance(data, dict)
        return data

    def scalars(self) -> Iterator[tuple[str, Value]]:
        """Every scalar with its dotted key, in the order of the text; what an alias repeats is left out."""
        yield from self._scalars(self.root, "")

    def _scalars(self, item: Item, key: str) -> Iterator[tuple[str, Value]]:
        if isinstance(item, ScalarNode):
            yield key, self.value(item)
        elif isinstance(item, SequenceNode):
            for number, inner in enumerate(item.value):
                yield from self._scalars(inner, f"{key}.{number}")
        elif isinstance(item, MappingNode):
            for name, inner in item.value:
                if name.tag != _MERGE:
                    yield from self._scalars(inner, f"{key}.{key_text(name)}" if key else key_text(name))


def parse(data: bytes, source: str) -> Document:
    """Parse a config.

    Args:
        data: The bytes of the file.
        source: How messages name it.

    Raises:
        ConfigError: It is not UTF-8, not YAML, empty, not a mapping, or made to be expensive.
    """
    text = _decoded(data, source)
    try:
        root = _Loader(text).get_single_node()
        if isinstance(root, Node):
            _measure(root, {}, 0)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, source) from error
    except ReaderError as error:
        place = place_at(text, error.position, source)
        raise ConfigError(
            f"the character {ord(text[error.position]):#04x} is not allowed in YAML",
            place=place,
            hint="Write it as an escape in double quotes.",
        ) from error
    except (RecursionError, _TooLargeError) as error:
        reason = "is nested too deeply, or repeats itself through its aliases too often"
        raise ConfigError(f"{source} {reason}", hint="Write out what the aliases stand for.") from error
    if root is None:
        raise ConfigError(f"{source} is empty", hint="Write settings as `key: value` lines, or leave CONFIG out.")
    if not isinstance(root, MappingNode):
        raise ConfigError(
            "a config must be a mapping: lines of `key: value`", place=place_at(text, root.start_mark.index, source)
        )
    return Document(data, text, source, root)


def _decoded(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise ConfigError(f"{source} is UTF-16", hint="Save it as UTF-8.") from error
        before = data[: error.start].decode("utf-8", "replace")
        line = before.count("\n") + 1
        text = data.split(b"\n")[line - 1].decode("utf-8", "replace")
        place = Place(source, line, len(before) - before.rfind("\n"), text)
        raise ConfigError("this is not UTF-8", place=place, hint="Save the file as UTF-8.") from error


def _syntax_error(error: yaml.MarkedYAMLError, text: str, source: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "it can't be read"
    hint = next((hint for words, hint in _HINTS if words in problem), "")
    place = place_at(text, min(mark.index, len(text)), source) if mark else None
    return ConfigError(f"not valid YAML: {problem}", place=place, hint=hint)


class _TooLargeError(Exception):
    """More nodes, once aliases are written out, than a config has."""


def _measure(item: Item, sizes: dict[int, int], depth: int) -> int:
    """The number of nodes with every alias written out, computed without writing them out."""
    node = item.target if isinstance(item, Alias) else item
    known = sizes.get(id(node))
    if known is not None:
        if known < 0:  # inside itself
            raise _TooLargeError
        return known
    if depth > MAX_DEPTH:
        raise _TooLargeError
    sizes[id(node)] = -1
    total = 1
    if isinstance(node, SequenceNode):
        total += sum(_measure(inner, sizes, depth + 1) for inner in node.value)
    elif isinstance(node, MappingNode):
        total += sum(_measure(part, sizes, depth + 1) for pair in node.value for part in pair)
    if total > MAX_EXPANDED_NODES:
        raise _TooLargeError
    sizes[id(node)] = total
    return total


def place_at(text: str, index: int, source: str) -> Place:
    """The place of a character."""
    start = max(text.rfind("\n", 0, index), text.rfind("\r", 0, index)) + 1
    line = text.count("\n", 0, start) + 1
    rest = text[start:].splitlines()
    return Place(source, line, index - start + 1, rest[0] if rest else "")


def resolved(item: Item) -> Node:
    """The node itself: through an alias."""
    return item.target if isinstance(item, Alias) else item


def key_text(item: Item) -> str:
    """The text of a mapping's key."""
    node = resolved(item)
    return str(node.value) if isinstance(node, ScalarNode) else ""


def child(item: Item, part: str) -> Item | None:
    """What stands in a mapping under a key, or in a list at a number; the last of duplicates, as YAML loaders do."""
    node = resolved(item)
    if isinstance(node, MappingNode):
        return next((inner for name, inner in reversed(pairs(node)) if key_text(name) == part), None)
    if isinstance(node, SequenceNode) and part.isdecimal() and int(part) < len(node.value):
        found: Item = node.value[int(part)]
        return found
    return None


def path_to(root: Node, key: str) -> list[str]:
    """A dotted key as the keys that lead to it: a key with dots of its own (``opt.lr: 1``) is one of them."""
    item: Item | None = root
    path, rest = [], key.split(".")
    while rest:
        taken = next((n for n in range(len(rest), 1, -1) if item is not None and child(item, ".".join(rest[:n]))), 1)
        part = ".".join(rest[:taken])
        item = None if item is None else child(item, part)
        path.append(part)
        rest = rest[taken:]
    return path


def pairs(node: MappingNode) -> list[tuple[Item, Item]]:
    """Keys and values with merges followed; later ones win over earlier ones."""
    own, merged = [], []
    for name, inner in node.value:
        if not isinstance(name, Alias) and name.tag == _MERGE:
            source = resolved(inner)
            sources = reversed(source.value) if isinstance(source, SequenceNode) else [source]
            for one in map(resolved, sources):
                merged += pairs(one) if isinstance(one, MappingNode) else []
        else:
            own.append((name, inner))
    return [*merged, *own]


def plain(item: Item, instead: Mapping[int, Any] | None = None) -> Any:  # noqa: ANN401 - whatever YAML holds
    """An item as plain data.

    Args:
        item: Where to begin.
        instead: Data that takes the place of items, by their identity.
    """
    node = resolved(item)
    for one in (item, node) if instead else ():
        if instead is not None and id(one) in instead:
            return instead[id(one)]
    if isinstance(node, MappingNode):
        return {_hashable(name): plain(inner, instead) for name, inner in pairs(node)}
    if isinstance(node, SequenceNode):
        return [plain(inner, instead) for inner in node.value]
    if node.tag not in _PLAIN_TAGS:
        return str(node.value)
    try:
        return _constructor.yaml_constructors[node.tag](_constructor, node)
    except (ValueError, LookupError):  # a date that does not exist, a tag that does not fit
        return str(node.value)


def _hashable(name: Item) -> Any:  # noqa: ANN401 - whatever YAML holds
    data = plain(name)
    return str(data) if isinstance(data, (dict, list)) else data
