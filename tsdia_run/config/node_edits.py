"""Edit YAML and JSON by replacing the text of a node (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from tsdia_run.config.document import Document, Format
from tsdia_run.config.nodes import Alias, Item, Literal, child, key_text, path_to, place_at, plain, resolved
from tsdia_run.config.steps import KeyChange, Redirect, Set, Step, put
from tsdia_run.config.writing import dump
from tsdia_run.errors import ConfigError, UsageError

# Anchors and tags before a value. An edit keeps the anchor and removes the tag, which belongs to the old value.
_PROPERTIES = re.compile(r"(?:(&\S+)|!\S*)\s*")


def set_(document: Document, edit: Set) -> Step:
    """Set the value of a key."""
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


def _override_alias(document: Document, alias: Alias, rest: Sequence[str], edit: Set) -> Step:
    """Replace an alias by a changed copy of its target: ``{<<: *base, key: value}``. Other aliases don't change."""
    value, change = put(plain(alias), rest, edit.value), KeyChange(edit.key, None, dump(edit.value, document.format))
    if isinstance(alias.target, MappingNode):
        entry = dump({rest[0]: value[rest[0]]}, document.format)[1:-1]
        new = f"{{<<: {document.text[alias.start : alias.end]}, {entry}}}"
    else:
        new = dump(value, document.format)
    return _step(document, alias, (alias.start, alias.end, new), change, value)


def _step(document: Document, item: Item, patch: tuple[int, int, str], change: KeyChange, value: Any) -> Step:  # noqa: ANN401
    start, end, new = patch
    text = document.text[:start] + new + document.text[end:]
    return Step(text, change, plain(document.root, {id(item): value}))


def _own_child(node: Node, part: str) -> Item | None:
    """Return the same as ``child``, but ignore keys that come from a merge."""
    if not isinstance(node, MappingNode):
        return child(node, part)
    found = [inner for name, inner in node.value if key_text(name) == part and resolved(name).tag[-5:] != "merge"]
    return found[-1] if found else None


def _add(document: Document, item: Item, parts: Sequence[str], edit: Set) -> Step:
    """Add a key that is missing, or that only comes from a merge, as the first key of a mapping."""
    node, text = resolved(item), document.text
    merged = child(node, parts[0])
    value = put(plain(merged) if merged is not None else None, parts[1:], edit.value)
    entry = dump({parts[0]: value}, document.format)[1:-1]
    change = KeyChange(edit.key, None, dump(edit.value, document.format))
    if isinstance(node, MappingNode):
        if node.flow_style and document.format is Format.JSON and (lead := _lead(text, node)):
            start = node.start_mark.index + 1 + len(lead)
            new = f"{entry},{lead}"
        elif node.flow_style:
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
        f"can't set `{edit.key}`: no key or item `{parts[0]}` on its path",
        hint="Write a key as the names in mappings and the numbers of list items, from 0.",
    )


def _lead(text: str, node: MappingNode) -> str:
    """Return the line break and indentation before an object's first entry; empty if it is on the same line."""
    first = node.value[0][0].start_mark.index if node.value else 0
    lead = text[node.start_mark.index + 1 : first]
    return lead if "\n" in lead and not lead.strip() else ""


def _into_flow(document: Document, node: MappingNode, entry: str) -> tuple[int, str]:
    """Return where and how to add an entry to ``{a: 1}``, or to a pair without braces in a list: ``[a: 1]``."""
    text = document.text
    start = _behind_properties(text, node.start_mark.index)
    if text[start] == "{":
        return start + 1, entry + (", " if node.value else "")
    return start, f"{{{entry}, {text[start : node.end_mark.index]}}}"


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _behind_key(document: Document, parts: Sequence[str]) -> int | None:
    """Return the position after the colon of a mapping's key; None for an item of a list."""
    parent: Item = document.root
    for part in parts[:-1]:
        parent = _own_child(resolved(parent), part) or parent
    node = resolved(parent)
    if not isinstance(node, MappingNode):
        return None
    key = next(name for name, _ in reversed(node.value) if key_text(name) == parts[-1])
    return document.text.index(":", key.end if isinstance(key, Alias) else key.end_mark.index) + 1


def _replace(document: Document, item: Item, edit: Set, behind_key: int | None) -> Step:
    written, text = dump(edit.value, document.format), document.text
    if isinstance(item, Alias):
        change = KeyChange(edit.key, text[item.start : item.end], written)
        return _step(document, item, (item.start, item.end, written), change, edit.value)
    start, end = _span(document, item)
    old = text[start:end]
    change = KeyChange(edit.key, old or None, written)
    if not isinstance(item, ScalarNode):
        _refuse_used_anchors(document, item, edit.key)
    elif anchors := _anchors(old):
        written = f"{anchors} {written}"
    if isinstance(item, CollectionNode) and not item.flow_style and behind_key is not None:
        start = behind_key  # a block below the key is replaced by a value on the key's line
    return _step(document, item, (start, end, _spaced(text, start, written)), change, edit.value)


def _anchors(old: str) -> str:
    """Return the anchor of a value. Its aliases change with the value, as in an editor."""
    at = 0
    while (match := _PROPERTIES.match(old, at)) and match.group(0):
        if match.group(1):
            return match.group(1)
        at = match.end()
    return ""


def _spaced(text: str, start: int, new: str) -> str:
    """Add a space if the old value was empty: its position is directly after the colon or dash."""
    return f" {new}" if start and text[start - 1] in ":-" else new


def _span(document: Document, node: Node) -> tuple[int, int]:
    """Return the start and end of a node's text, without the blank lines and comments after a block."""
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


def remove(document: Document, key: str) -> Step | None:
    """Remove a key; return None if the config doesn't have it."""
    parts = path_to(document.root, key)
    found: Item | None = document.root
    for part in parts[:-1]:
        found = None if found is None else _own_child(resolved(found), part)
    parent, text = document.root if found is document.root else found and resolved(found), document.text
    entries = parent.value if isinstance(parent, MappingNode) else []
    at = next((at for at, (name, _) in enumerate(entries) if key_text(name) == parts[-1]), None)
    if not isinstance(parent, MappingNode) or at is None:
        return None
    name, item = entries[at]
    _refuse_used_anchors(document, item, key)
    start = name.start if isinstance(name, Alias) else name.start_mark.index
    end = item.end if isinstance(item, Alias) else _content_end(document, item)
    cut = _cut(text, parent, at, (start, end))
    expected = plain(document.root, {id(parent): _without(plain(parent), parts[-1])})
    return Step(text[: cut[0]] + cut[2] + text[cut[1] :], KeyChange(key, text[start:end], None), expected)


def _cut(text: str, parent: MappingNode, at: int, entry: tuple[int, int]) -> tuple[int, int, str]:
    """Return the start and end of the text to remove with an entry, and its replacement."""
    start, end = entry
    if len(parent.value) == 1:
        return (*_flow_span(text, parent), "{}") if parent.flow_style else (start, end, "{}")
    if not parent.flow_style:
        begins_line = not text[text.rfind("\n", 0, start) + 1 : start].strip(" \ufeff")
        if not begins_line and at + 1 < len(parent.value):  # the first of a mapping in a list: `- key: value`
            return start, _start(parent.value[at + 1][0]), ""
        return text.rfind("\n", 0, start) + 1, _next_entry(text, end), ""
    if at + 1 < len(parent.value):
        return start, _start(parent.value[at + 1][0]), ""
    before = parent.value[at - 1][1]
    return (before.end if isinstance(before, Alias) else before.end_mark.index), end, ""


def _start(item: Item) -> int:
    return item.start if isinstance(item, Alias) else int(item.start_mark.index)


def _flow_span(text: str, node: MappingNode) -> tuple[int, int]:
    """Return the start and end of a flow mapping, without its anchor and tag."""
    return _behind_properties(text, node.start_mark.index), node.end_mark.index


def _behind_properties(text: str, start: int) -> int:
    while (match := _PROPERTIES.match(text, start)) and match.group(0):
        start = match.end()
    return start


def _without(data: Any, part: str) -> Any:  # noqa: ANN401 - whatever YAML holds
    return {name: value for name, value in data.items() if str(name) != part}


def point(document: Document, edit: Redirect) -> Step | None:
    """Change the file that a scalar names."""
    node = _scalar_at(document.root, edit.start)
    if node is None:
        return None
    text, (start, end) = document.text, _span(document, node)
    start = start if isinstance(node, Literal) else _behind_properties(text, start)
    written = dump(edit.path, document.format)
    change = KeyChange(edit.key, text[start:end], written)
    expected = plain(document.root, {id(node): edit.path})
    return Step(text[:start] + written + text[end:], change, expected)


def _scalar_at(item: Item, start: int) -> ScalarNode | None:
    if isinstance(item, ScalarNode):
        return item if item.start_mark.index == start else None
    found = (_scalar_at(inner, start) for inner in _inner(item)) if not isinstance(item, Alias) else iter(())
    return next((node for node in found if node is not None), None)


def _next_entry(text: str, end: int) -> int:
    """Return the position after the line of ``end``, and after the indented comments that belong to the section."""
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
    """Refuse to remove a block with an anchor that is used elsewhere."""
    if isinstance(item, Alias):
        return
    inside = _nodes(item)
    start, end = item.start_mark.index, item.end_mark.index
    for alias in _aliases(document.root):
        if id(alias.target) in inside and not start <= alias.start < end:
            place = place_at(document.text, alias.start, document.source)
            raise ConfigError(
                f"this alias refers into `{key}`, which is replaced in or removed from the script's config",
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
