"""The nodes of a parsed config of any format, with their positions in its text (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tsdia_run.errors import SourcePosition

# Far above any real config, and small enough to process: aliases of aliases multiply.
MAX_EXPANDED_NODES = 1_000_000
MAX_DEPTH = 100

MERGE = "tag:yaml.org,2002:merge"
_STR = "tag:yaml.org,2002:str"
_PLAIN_TAGS = tuple(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "timestamp", "str"))
_constructor = SafeConstructor()


@dataclass(frozen=True)
class Alias:
    """The position of an alias ``*name``, and the node that it refers to."""

    target: Node
    start: int
    end: int


Item = Node | Alias


class Literal(ScalarNode):
    """A scalar of JSON or TOML. The parser of that format reads its data; YAML's rules don't apply."""

    def __init__(self, data: Any, start: int, end: int) -> None:  # noqa: ANN401 - whatever the format holds
        super().__init__(_STR, str(data), mark(start), mark(end), style='"')
        self.data = data


def mark(index: int) -> yaml.Mark:
    """Return a position in the text in the form that nodes use."""
    return yaml.Mark("", index, 0, 0, None, 0)


class TooLargeError(Exception):
    """The config has too many nodes once its aliases are expanded, or too many levels."""


def measure(item: Item, sizes: dict[int, int], depth: int) -> int:
    """Return the number of nodes with every alias expanded, without expanding them."""
    node = item.target if isinstance(item, Alias) else item
    known = sizes.get(id(node))
    if known is not None:
        if known < 0:  # the node contains itself
            raise TooLargeError
        return known
    if depth > MAX_DEPTH:
        raise TooLargeError
    sizes[id(node)] = -1
    total = 1
    if isinstance(node, SequenceNode):
        total += sum(measure(inner, sizes, depth + 1) for inner in node.value)
    elif isinstance(node, MappingNode):
        total += sum(measure(part, sizes, depth + 1) for pair in node.value for part in pair)
    if total > MAX_EXPANDED_NODES:
        raise TooLargeError
    sizes[id(node)] = total
    return total


def place_at(text: str, index: int, source: str) -> SourcePosition:
    """Return the place of a character."""
    start = max(text.rfind("\n", 0, index), text.rfind("\r", 0, index)) + 1
    line = text.count("\n", 0, start) + 1
    rest = text[start:].splitlines()
    return SourcePosition(source, line, index - start + 1, rest[0] if rest else "")


def resolved(item: Item) -> Node:
    """Return the node of an item; for an alias, its target."""
    return item.target if isinstance(item, Alias) else item


def key_text(item: Item) -> str:
    """Return the text of a mapping's key."""
    node = resolved(item)
    return str(node.value) if isinstance(node, ScalarNode) else ""


def child(item: Item, part: str) -> Item | None:
    """Return the value of a mapping's key or a list's item number; of duplicate keys the last, as YAML loaders do."""
    node = resolved(item)
    if isinstance(node, MappingNode):
        return next((inner for name, inner in reversed(pairs(node)) if key_text(name) == part), None)
    if isinstance(node, SequenceNode) and part.isdecimal() and int(part) < len(node.value):
        found: Item = node.value[int(part)]
        return found
    return None


def path_to(root: Node, key: str) -> list[str]:
    """Split a dotted key into the keys of each level. A key that contains dots (``opt.lr: 1``) is one of them."""
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
    """Return keys and values, including merged ones; later ones override earlier ones."""
    own, merged = [], []
    for name, inner in node.value:
        if not isinstance(name, Alias) and name.tag == MERGE:
            source = resolved(inner)
            sources = reversed(source.value) if isinstance(source, SequenceNode) else [source]
            for one in map(resolved, sources):
                merged += pairs(one) if isinstance(one, MappingNode) else []
        else:
            own.append((name, inner))
    return [*merged, *own]


def plain(item: Item, instead: Mapping[int, Any] | None = None) -> Any:  # noqa: ANN401, PLR0911 - one line per type
    """Return an item as plain data.

    Args:
        item: The item.
        instead: Data that replaces items, by the ``id`` of the item.
    """
    node = resolved(item)
    for one in (item, node) if instead else ():
        if instead is not None and id(one) in instead:
            return instead[id(one)]
    if isinstance(node, Literal):
        return node.data
    if isinstance(node, MappingNode):
        return {_hashable(name): plain(inner, instead) for name, inner in pairs(node)}
    if isinstance(node, SequenceNode):
        return [plain(inner, instead) for inner in node.value]
    if node.tag not in _PLAIN_TAGS:
        return str(node.value)
    try:
        return _constructor.yaml_constructors[node.tag](_constructor, node)
    except (ValueError, LookupError):  # an invalid date, or a tag that doesn't match its value
        return str(node.value)


def _hashable(name: Item) -> Any:  # noqa: ANN401 - whatever YAML holds
    data = plain(name)
    return str(data) if isinstance(data, (dict, list)) else data
