"""A parsed config: its text, and a tree of nodes that know where they stand in it (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any

from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from tsdia_run.config import json_text, yaml_text
from tsdia_run.config.nodes import MERGE, Alias, Item, child, key_text, path_to, place_at, plain
from tsdia_run.errors import ConfigError, SourcePosition

_YAML_SUFFIXES = (".yml", ".yaml")


class Format(Enum):
    """How a config is written."""

    YAML = "YAML"
    JSON = "JSON"
    TOML = "TOML"


@dataclass(frozen=True)
class Value:
    """What stands at a key.

    Attributes:
        place: Where its text begins.
        plain: It as plain data, as ``yaml.safe_load`` would read it.
    """

    place: SourcePosition
    plain: Any


class Document:
    """A config.

    Attributes:
        data: The bytes as they were read.
        text: The same, decoded; a byte order mark stays in it.
        source: How messages name the file.
        root: The mapping at the top.
        format: How it is written.
    """

    def __init__(self, data: bytes, text: str, source: str, root: MappingNode, form: Format) -> None:
        self.data = data
        self.text = text
        self.source = source
        self.root = root
        self.format = form

    @property
    def name(self) -> str:
        """The name of the file."""
        return PurePath(self.source).name

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
                if name.tag != MERGE:
                    yield from self._scalars(inner, f"{key}.{key_text(name)}" if key else key_text(name))


def parse(data: bytes, source: str, form: Format | None = None) -> Document:
    """Parse a config.

    Args:
        data: The bytes of the file.
        source: How messages name it.
        form: How it is written; None to tell it from the suffix of ``source``, else from the text.

    Raises:
        ConfigError: It is not UTF-8, not of its format, empty, not a mapping, or made to be expensive.
    """
    text = _decoded(data, source)
    form = form or _format(source, text)
    return Document(data, text, source, _parser(form)(text, source), form)


def _format(source: str, text: str) -> Format:
    """JSON and TOML by their suffixes, and JSON in a file of any name that is not YAML's."""
    lower = source.lower()
    if lower.endswith(".toml"):
        return Format.TOML
    is_json = lower.endswith((".json", ".jsonc"))
    is_json |= not lower.endswith(_YAML_SUFFIXES) and json_text.is_object(text)
    return Format.JSON if is_json else Format.YAML


def _parser(form: Format) -> Callable[[str, str], MappingNode]:
    if form is Format.TOML:
        return _toml
    return json_text.compose if form is Format.JSON else yaml_text.compose


def _toml(text: str, source: str) -> MappingNode:
    try:
        from tsdia_run.config import toml_text  # few configs are TOML
    except ModuleNotFoundError as error:  # the script's own Python, older than 3.11
        raise ConfigError(f"{source} is TOML: {error}", hint="pip install tomli") from error
    return toml_text.compose(text, source)


def _decoded(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise ConfigError(f"{source} is UTF-16", hint="Save it as UTF-8.") from error
        before = data[: error.start].decode("utf-8", "replace")
        line = before.count("\n") + 1
        text = data.split(b"\n")[line - 1].decode("utf-8", "replace")
        place = SourcePosition(source, line, len(before) - before.rfind("\n"), text)
        raise ConfigError("this is not UTF-8", place=place, hint="Save the file as UTF-8.") from error
