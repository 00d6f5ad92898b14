"""Edits of YAML and JSON: a node's text is replaced where it stands (pure)."""

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

# What stands before a value and belongs to its node: an anchor is kept, a tag goes with the old value.
_PROPERTIES = re.compile(r"(?:(&\S+)|!\S*)\s*")


def set_(document: Document, edit: Set) -> Step:
    """Put a value at a key."""
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
    """Here, what the alias stands for is needed in another form than elsewhere: ``{<<: *base, key: value}``."""
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
    """As ``child``, but without what only a merge brings in."""
    if not isinstance(node, MappingNode):
        return child(node, part)
    found = [inner for name, inner in node.value if key_text(name) == part and resolved(name).tag[-5:] != "merge"]
    return found[-1] if found else None


def _add(document: Document, item: Item, parts: Sequence[str], edit: Set) -> Step:
    """Put a key that is missing, or that only a merge brings in, into a mapping: as its first one."""
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
        f"`{edit.key}` can't be set: what it leads through has no key or item `{parts[0]}`",
        hint="A key leads through mappings by their names and through lists by numbers from 0.",
    )


def _lead(text: str, node: MappingNode) -> str:
    """The line break and the indentation before the first entry of an object; empty where it is on the same line."""
    first = node.value[0][0].start_mark.index if node.value else 0
    lead = text[node.start_mark.index + 1 : first]
    return lead if "\n" in lead and not lead.strip() else ""


def _into_flow(document: Document, node: MappingNode, entry: str) -> tuple[int, str]:
    """Where and how an entry goes into ``{a: 1}``, or into a pair without braces in a list: ``[a: 1]``."""
    text = document.text
    start = _behind_properties(text, node.start_mark.index)
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


def remove(document: Document, key: str) -> Step | None:
    """Take a key out; None where it is not there."""
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
    wanted = plain(document.root, {id(parent): _without(plain(parent), parts[-1])})
    return Step(text[: cut[0]] + cut[2] + text[cut[1] :], KeyChange(key, text[start:end], None), wanted)


def _cut(text: str, parent: MappingNode, at: int, entry: tuple[int, int]) -> tuple[int, int, str]:
    """What goes away with an entry, and what comes in its place."""
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
    """A flow mapping without its anchor and tag."""
    return _behind_properties(text, node.start_mark.index), node.end_mark.index


def _behind_properties(text: str, start: int) -> int:
    while (match := _PROPERTIES.match(text, start)) and match.group(0):
        start = match.end()
    return start


def _without(data: Any, part: str) -> Any:  # noqa: ANN401 - whatever YAML holds
    return {name: value for name, value in data.items() if str(name) != part}


def point(document: Document, edit: Redirect) -> Step | None:
    """Write another file into a scalar."""
    node = _scalar_at(document.root, edit.start)
    if node is None:
        return None
    text, (start, end) = document.text, _span(document, node)
    start = start if isinstance(node, Literal) else _behind_properties(text, start)
    written = dump(edit.path, document.format)
    change = KeyChange(edit.key, text[start:end], written)
    wanted = plain(document.root, {id(node): edit.path})
    return Step(text[:start] + written + text[end:], change, wanted)


def _scalar_at(item: Item, start: int) -> ScalarNode | None:
    if isinstance(item, ScalarNode):
        return item if item.start_mark.index == start else None
    found = (_scalar_at(inner, start) for inner in _inner(item)) if not isinstance(item, Alias) else iter(())
    return next((node for node in found if node is not None), None)


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
