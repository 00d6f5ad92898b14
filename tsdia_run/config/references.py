"""Find the other configs that a config names, in the common ways (pure).

``_base_`` (mmengine, mmcv), ``_BASE_`` (detectron2, fvcore, PaddleDetection), ``BASE`` (Swin and its descendants),
``!include`` and ``!inc`` (pyyaml-include and similar loaders), and Hydra's ``defaults``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from tsdia_run.config.document import Document
from tsdia_run.config.nodes import Alias, Item, Literal, child, key_text, plain

# Keys whose value is always another config, relative to this one.
_SURE_KEYS = frozenset({"_base_", "_BASE_", "__base__"})
# Keys whose value may be another config.
_LIKELY_KEYS = frozenset(
    {"BASE", "_BASE_CONFIG_", "base", "bases", "base_config", "base_configs", "defaults", "extends", "include",
     "includes", "_include_", "__include__", "inherit", "inherit_from", "inherits", "parent", "parents"}
)  # fmt: skip
_TAG = re.compile(r"!(?:\w+[./:])*(?:include|inc|import)(?:_\w+)?", re.IGNORECASE)
_SUFFIXES = (".yml", ".yaml", ".json", ".jsonc", ".toml", ".py")
_HYDRA_WORDS = ("override", "optional")


@dataclass(frozen=True)
class Reference:
    """A scalar that names another config.

    Attributes:
        key: The dotted key, for messages.
        start: The position of the scalar in the text.
        path: The value of the scalar.
        is_sure: Whether the scalar can't be anything else.
    """

    key: str
    start: int
    path: str
    is_sure: bool


def references(document: Document) -> list[Reference]:
    """Return the scalars that name other configs, in the order of the text."""
    return [
        Reference(key, node.start_mark.index, str(node.value), is_sure)
        for key, node, is_sure in _walk(document.root, "", None)
        if is_sure or node.value.endswith(_SUFFIXES)
    ]


def _walk(item: Item, key: str, is_sure: bool | None) -> Iterator[tuple[str, ScalarNode, bool]]:
    """Yield scalars with their keys; ``is_sure`` is None if they don't name a config."""
    if isinstance(item, Alias):
        return
    if _TAG.fullmatch(item.tag):
        is_sure = True
    if isinstance(item, ScalarNode):
        is_text = isinstance(item.data, str) if isinstance(item, Literal) else isinstance(plain(item), str)
        if is_sure is not None and is_text and item.value.strip():
            yield key, item, is_sure
    elif isinstance(item, SequenceNode):
        for number, inner in enumerate(item.value):
            yield from _walk(inner, f"{key}.{number}", is_sure if isinstance(inner, ScalarNode) else None)
    elif isinstance(item, MappingNode):
        for name, inner in item.value:
            text = key_text(name)
            own = True if text in _SURE_KEYS else False if text in _LIKELY_KEYS else None
            if _TAG.fullmatch(item.tag) and isinstance(inner, ScalarNode) and inner.value.endswith(_SUFFIXES):
                own = True
            yield from _walk(inner, f"{key}.{text}" if key else text, own)


def defaults(document: Document) -> list[str]:
    """Return the configs in Hydra's ``defaults`` list, as paths without a suffix; empty if there is no such list."""
    found = child(document.root, "defaults")
    entries = plain(found) if found is not None else None
    if not isinstance(entries, list):
        return []
    names = []
    for entry in entries:
        if isinstance(entry, str) and entry != "_self_" and not entry.endswith(_SUFFIXES):
            names.append(_without_words(entry))
        elif isinstance(entry, dict) and len(entry) == 1:
            group, options = next(iter(entry.items()))
            chosen = options if isinstance(options, list) else [options]
            names += [f"{_without_words(str(group))}/{option}" for option in chosen if isinstance(option, str)]
    return names


def _without_words(text: str) -> str:
    words = [word for word in text.split() if word not in _HYDRA_WORDS]
    return words[-1].partition("@")[0] if words else ""
