"""Edit TOML: replace the text of a value, or add a key below its table header (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from yaml.nodes import ScalarNode, SequenceNode

from tsdia_run.config.document import Document
from tsdia_run.config.nodes import Item, child, path_to, plain, resolved
from tsdia_run.config.steps import KeyChange, Set, Step, put
from tsdia_run.config.toml_text import Root, TableNode
from tsdia_run.config.writing import dump, toml_key
from tsdia_run.errors import ConfigError, UsageError


def set_(document: Document, edit: Set) -> Step:
    """Set the value of a key.

    Raises:
        UsageError: A part of the key is looked up in a value that has no keys, or TOML can't represent the value.
        ConfigError: The key is a table, or its table has no header in an array of tables.
    """
    parts, written = path_to(document.root, edit.key), dump(edit.value, document.format)
    item: Item = document.root
    for depth, part in enumerate(parts):
        found = child(item, part)
        if found is None:
            return _add(document, item, parts, depth, edit)
        item = found
    node, text = resolved(item), document.text
    start, end = node.start_mark.index, node.end_mark.index
    if start == end or (not isinstance(node, ScalarNode) and not node.flow_style):  # type: ignore[attr-defined]
        raise ConfigError(
            f"can't replace `{edit.key}`: it is a table in {document.source}",
            hint="Set the keys of the table one by one.",
        )
    change = KeyChange(edit.key, text[start:end], written)
    return Step(text[:start] + written + text[end:], change, put(document.plain(), parts, edit.value))


def _add(document: Document, item: Item, parts: list[str], depth: int, edit: Set) -> Step:
    if not isinstance(item, TableNode):
        raise UsageError(
            f"can't set `{edit.key}`: no key or item `{parts[depth]}` on its path",
            hint="Write a key as the names in tables and the numbers of list items, from 0.",
        )
    text, written = document.text, dump(edit.value, document.format)
    entry = f"{'.'.join(map(toml_key, (*item.prefix, *parts[depth:])))} = {written}"
    if item.flow_style:
        at, new = item.at or 0, f" {entry}{',' if _has_entries(text, item) else ' '}"
    else:
        at, new = _line_for(document, item, parts, depth, entry)
    change = KeyChange(edit.key, None, written)
    return Step(text[:at] + new + text[at:], change, put(document.plain(), parts, edit.value))


def _has_entries(text: str, table: TableNode) -> bool:
    return text[(table.at or 0) :].lstrip()[:1] != "}"


def _line_for(document: Document, table: TableNode, parts: list[str], depth: int, entry: str) -> tuple[int, str]:
    """Return where and how to add a line with an entry to a table."""
    text = document.text
    end = "\r\n" if "\r\n" in text else "\n"
    if table.at is not None:
        needs_line_end = table.at > 0 and text[table.at - 1] != "\n"
        return table.at, f"{end if needs_line_end else ''}{entry}{end}"
    if _is_in_array(document, parts[:depth]):
        raise ConfigError(
            f"can't set `{'.'.join(parts)}`: its table has no header in {document.source}",
            hint=f"Add the header [[…]] or [{'.'.join(parts[:depth])}] to the config.",
        )
    head = f"[{'.'.join(map(toml_key, parts[:depth]))}]"
    needs_line_end = bool(text) and text[-1] != "\n"
    return len(text), f"{end if needs_line_end else ''}{end}{head}{end}{entry}{end}"


def _is_in_array(document: Document, parts: list[str]) -> bool:
    item: Item | None = document.root
    for part in parts:
        item = child(item, part) if item is not None else None
        if isinstance(item, SequenceNode):
            return True
    return False


def remove(document: Document, key: str) -> Step | None:
    """Remove every line of a key and of the tables below it; return None if the config doesn't have the key."""
    root, text = document.root, document.text
    parts = path_to(root, key)
    if document.find(key) is None or not isinstance(root, Root):
        return None
    expected = _without(document.plain(), parts)
    parent: Item | None = root
    for part in parts[:-1]:
        parent = child(parent, part) if parent is not None else None
    if isinstance(parent, TableNode) and parent.flow_style:  # rewrite `{a = 1, b = 2}`
        step = set_(document, Set(".".join(parts[:-1]), _without(plain(parent), parts[-1:])))
        return Step(
            step.text, KeyChange(key, dump(plain(child(parent, parts[-1]) or root), document.format), None), expected
        )
    old = rest = ""
    end = 0
    for start, stop in _spans(text, root, tuple(parts)):
        rest, old, end = rest + text[end:start], old + text[start:stop], stop
    return Step(rest + text[end:], KeyChange(key, old.rstrip(), None), expected)


def _spans(text: str, root: Root, parts: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return the lines of a key, with the comments between them."""
    spans: list[tuple[int, int]] = []
    head: tuple[str, ...] = ()
    follows = False
    for path, start, end, is_head in root.lines:
        head = path if is_head else head
        whole = head if is_head else (*head, *path)
        if whole[: len(parts)] != parts:
            follows = False
            continue
        stop = text.find("\n", end) + 1 or len(text)
        spans.append((spans.pop()[0] if follows else text.rfind("\n", 0, start) + 1, stop))
        follows = True
    return spans


def _without(data: dict[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    inner = data.get(parts[0])
    if len(parts) > 1:
        return {**data, parts[0]: _without(inner, parts[1:])} if isinstance(inner, dict) else data
    return {name: value for name, value in data.items() if name != parts[0]}
