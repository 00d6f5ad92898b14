"""Edits of a config's text that leave everything else as it is (pure).

An edit is the one that a person would make in an editor: a value at an anchor changes for everybody who uses the
anchor, a value that is an alias is replaced where it stands. After each edit the text is parsed again and compared with
what was wanted; a text that differs is never handed out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from tsdia_run.config.document import Alias, Document, Item, child, key_text, parse, path_to, place_at, plain, resolved
from tsdia_run.errors import ConfigError, UsageError

# What stands before a value and belongs to its node: an anchor is kept, a tag goes with the old value.
_PROPERTIES = re.compile(r"(?:(&\S+)|!\S*)\s*")


@dataclass(frozen=True)
class Set:
    """Put a value at a dotted key; missing parents are made."""

    key: str
    value: Any


@dataclass(frozen=True)
class Remove:
    """Take a key at the top out, with everything below it; nothing happens where it is not there."""

    key: str


@dataclass(frozen=True)
class Change:
    """What an edit did.

    Attributes:
        key: The dotted key.
        old: The text that stood there; None where there was none.
        new: The text that stands there; None where it was taken out.
    """

    key: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Edited:
    """A config after edits.

    Attributes:
        text: The new text.
        changes: What was done, in order.
    """

    text: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class _Step:
    """One edit carried out: the new text, what was done, and the data that the text must have."""

    text: str
    change: Change
    wanted: Any


def apply(document: Document, edits: Sequence[Set | Remove]) -> Edited:
    """Edit a config.

    Raises:
        UsageError: A part of a key leads through a value that has no keys.
        ConfigError: A section that is taken out has an anchor which is used elsewhere, or the text is written in a way
            that can't be edited safely.
    """
    changes = []
    for edit in edits:
        step = _set(document, edit) if isinstance(edit, Set) else _remove(document, edit.key)
        if step is not None:
            document = _verified(step, document.source)
            changes.append(step.change)
    return Edited(document.text, tuple(changes))


def _verified(step: _Step, source: str) -> Document:
    """The new text as a document, which has exactly the data that was wanted."""
    try:
        document = parse(step.text.encode(), source)
        if _same(document.plain(), step.wanted):
            return document
    except ConfigError:
        pass
    raise ConfigError(
        f"{source} is written in a way in which `{step.change.key}` can't be edited safely",
        hint="Write that part more simply.",
    )


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - whatever YAML holds
    """Equal also for NaN, in any order of keys, and different for 1 and true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and (one == other or repr(one) == repr(other) == "nan")


def _put(data: Any, parts: Sequence[str], value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    if not parts:
        return value
    if isinstance(data, list) and parts[0].isdecimal():
        number = int(parts[0])
        return [_put(item, parts[1:], value) if at == number else item for at, item in enumerate(data)]
    data = data if isinstance(data, dict) else {}
    name = next((key for key in data if str(key) == parts[0]), parts[0])
    return {**data, name: _put(data.get(name), parts[1:], value)}


def _set(document: Document, edit: Set) -> _Step:
    parts = path_to(document.root, edit.key)
    item: Item = document.root
    for depth, part in enumerate(parts):
        own = _own_child(resolved(item), part)
        if own is None:
            return _add(document, item, parts[depth:], edit)
        item, rest = own, parts[depth + 1 :]
        if rest and isinstance(item, Alias):
            return _override_alias(document, item, rest, edit)
    return _replace(document, item, edit, _behind_key(document, parts))


def _override_alias(document: Document, alias: Alias, rest: Sequence[str], edit: Set) -> _Step:
    """Here, what the alias stands for is needed in another form than elsewhere: ``{<<: *base, key: value}``."""
    value, change = _put(plain(alias), rest, edit.value), Change(edit.key, None, dump(edit.value))
    if isinstance(alias.target, MappingNode):
        entry = dump({rest[0]: value[rest[0]]})[1:-1]
        new = f"{{<<: {document.text[alias.start : alias.end]}, {entry}}}"
    else:
        new = dump(value)
    return _step(document, alias, (alias.start, alias.end, new), change, value)


def _step(document: Document, item: Item, patch: tuple[int, int, str], change: Change, value: Any) -> _Step:  # noqa: ANN401
    start, end, new = patch
    text = document.text[:start] + new + document.text[end:]
    return _Step(text, change, plain(document.root, {id(item): value}))


def _own_child(node: Node, part: str) -> Item | None:
    """As ``child``, but without what only a merge brings in."""
    if not isinstance(node, MappingNode):
        return child(node, part)
    found = [inner for name, inner in node.value if key_text(name) == part and resolved(name).tag[-5:] != "merge"]
    return found[-1] if found else None


def _add(document: Document, item: Item, parts: Sequence[str], edit: Set) -> _Step:
    """Put a key that is missing, or that only a merge brings in, into a mapping: as its first one."""
    node, text = resolved(item), document.text
    merged = child(node, parts[0])
    value = _put(plain(merged) if merged is not None else None, parts[1:], edit.value)
    entry = dump({parts[0]: value})[1:-1]
    change = Change(edit.key, None, dump(edit.value))
    if isinstance(node, MappingNode):
        if node.flow_style:
            start, new = _into_flow(document, node, entry)
        else:
            first = node.value[0][0]
            start = first.start if isinstance(first, Alias) else first.start_mark.index
            line_start = text.rfind("\n", 0, start) + 1
            indent = "".join(character if character.isspace() else " " for character in text[line_start:start])
            new = f"{entry}{_line_end(text)}{indent}"
        end = node.end_mark.index if new.startswith("{") else start
        return _step(document, node, (start, end, new), change, {**plain(node), parts[0]: value})
    if plain(item) is None and not isinstance(item, Alias):
        start, end = _span(document, node)
        return _step(document, item, (start, end, _spaced(text, start, f"{{{entry}}}")), change, {parts[0]: value})
    raise UsageError(
        f"`{edit.key}` can't be set: what it leads through has no key or item `{parts[0]}`",
        hint="A key leads through mappings by their names and through lists by numbers from 0.",
    )


def _into_flow(document: Document, node: MappingNode, entry: str) -> tuple[int, str]:
    """Where and how an entry goes into ``{a: 1}``, or into a pair without braces in a list: ``[a: 1]``."""
    text, start = document.text, node.start_mark.index
    while (match := _PROPERTIES.match(text, start)) and match.group(0):
        start = match.end()
    if text[start] == "{":
        return start + 1, entry + (", " if node.value else "")
    return start, f"{{{entry}, {text[start : node.end_mark.index]}}}"


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _behind_key(document: Document, parts: Sequence[str]) -> int | None:
    """Where a mapping's value may begin, behind its colon; None for an item of a list."""
    parent: Item = document.root
    for part in parts[:-1]:
        parent = _own_child(resolved(parent), part) or parent
    node = resolved(parent)
    if not isinstance(node, MappingNode):
        return None
    key = next(name for name, _ in reversed(node.value) if key_text(name) == parts[-1])
    return document.text.index(":", key.end if isinstance(key, Alias) else key.end_mark.index) + 1


def _replace(document: Document, item: Item, edit: Set, behind_key: int | None) -> _Step:
    written, text = dump(edit.value), document.text
    if isinstance(item, Alias):
        change = Change(edit.key, text[item.start : item.end], written)
        return _step(document, item, (item.start, item.end, written), change, edit.value)
    start, end = _span(document, item)
    old = text[start:end]
    change = Change(edit.key, old or None, written)
    if not isinstance(item, ScalarNode):
        _refuse_used_anchors(document, item, edit.key)
    elif anchors := _anchors(old):
        written = f"{anchors} {written}"
    if isinstance(item, CollectionNode) and not item.flow_style and behind_key is not None:
        start = behind_key  # what stands below the key comes up behind it
    return _step(document, item, (start, end, _spaced(text, start, written)), change, edit.value)


def _anchors(old: str) -> str:
    """The anchor in front of a value; what uses it follows the edit, as it would in an editor."""
    at = 0
    while (match := _PROPERTIES.match(old, at)) and match.group(0):
        if match.group(1):
            return match.group(1)
        at = match.end()
    return ""


def _spaced(text: str, start: int, new: str) -> str:
    """An empty value stands directly behind its colon or dash."""
    return f" {new}" if start and text[start - 1] in ":-" else new


def _span(document: Document, node: Node) -> tuple[int, int]:
    """Where a node's text stands, without the blank lines and comments that follow a block."""
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, ScalarNode):
        is_block = node.style in ("|", ">")
        return start, start + len(document.text[start:end].rstrip()) if is_block else end
    return start, end if isinstance(node, CollectionNode) and node.flow_style else _content_end(document, node)


def _content_end(document: Document, node: Node) -> int:
    if not isinstance(node, CollectionNode) or node.flow_style:
        return _span(document, node)[1]
    last = node.value[-1][1] if isinstance(node, MappingNode) else node.value[-1]
    return last.end if isinstance(last, Alias) else _content_end(document, last)


def _remove(document: Document, key: str) -> _Step | None:
    root, text = document.root, document.text
    at = next((at for at, (name, _) in enumerate(root.value) if key_text(name) == key), None)
    if at is None:
        return None
    name, item = root.value[at]
    _refuse_used_anchors(document, item, key)
    start, end = name.start_mark.index, item.end if isinstance(item, Alias) else _content_end(document, item)
    change = Change(key, text[start:end], None)
    if len(root.value) == 1:
        cut = (root.start_mark.index, root.end_mark.index, "{}") if root.flow_style else (start, end, "{}")
    elif not root.flow_style:
        cut = (text.rfind("\n", 0, start) + 1, _next_entry(text, end), "")
    elif at + 1 < len(root.value):
        cut = (start, root.value[at + 1][0].start_mark.index, "")
    else:
        before = root.value[at - 1][1]
        cut = (before.end if isinstance(before, Alias) else before.end_mark.index, end, "")
    wanted = {known: value for known, value in document.plain().items() if known != key}
    return _Step(text[: cut[0]] + cut[2] + text[cut[1] :], change, wanted)


def _next_entry(text: str, end: int) -> int:
    """Behind the line of ``end`` and the indented comments and blank lines that belong to the section."""
    at = text.find("\n", end) + 1 or len(text)
    keep = at
    while at < len(text):
        line_end = text.find("\n", at) + 1 or len(text)
        line = text[at:line_end]
        if line.strip() and not (line[0] in " \t" and line.lstrip().startswith("#")):
            break
        at = line_end
        if line.strip():
            keep = at
    return keep


def _refuse_used_anchors(document: Document, item: Item, key: str) -> None:
    """A block that goes away must not take an anchor along that is used elsewhere."""
    if isinstance(item, Alias):
        return
    inside = _nodes(item)
    start, end = item.start_mark.index, item.end_mark.index
    for alias in _aliases(document.root):
        if id(alias.target) in inside and not start <= alias.start < end:
            place = place_at(document.text, alias.start, document.source)
            raise ConfigError(
                f"this stands for something in `{key}`, which is replaced or taken out of the script's config",
                place=place,
                hint="Move the anchor (`&name`) out of that section.",
            )


def _nodes(item: Item) -> set[int]:
    if isinstance(item, Alias):
        return set()
    found = {id(item)}
    for inner in _inner(item):
        found |= _nodes(inner)
    return found


def _aliases(item: Item) -> list[Alias]:
    if isinstance(item, Alias):
        return [item]
    return [alias for inner in _inner(item) for alias in _aliases(inner)]


def _inner(node: Node) -> list[Item]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []


class _Dumper(yaml.SafeDumper):
    """Writes texts with line breaks and control characters as escapes, so that they stay on their line."""


def _represent_text(dumper: _Dumper, text: str) -> ScalarNode:
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def dump(value: Any) -> str:  # noqa: ANN401 - whatever YAML holds
    """A value as YAML on one line, safe at any place of a config."""
    # In a list, so that what may not stand in a flow collection is quoted too.
    text: str = yaml.dump([value], Dumper=_Dumper, default_flow_style=True, width=2**30, allow_unicode=True)
    return text[1 : text.rindex("]")]
