"""A parsed config: its text, and a tree of nodes with their positions in the text (pure)."""

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
SUFFIXES = (*_YAML_SUFFIXES, ".json", ".jsonc", ".toml")


class Format(Enum):
    """The format of a config."""

    YAML = "YAML"
    JSON = "JSON"
    TOML = "TOML"


@dataclass(frozen=True)
class Value:
    """The value of a key.

    Attributes:
        place: Where the text of the value starts.
        plain: The value as plain data, as ``yaml.safe_load`` would read it.
    """

    place: SourcePosition
    plain: Any


class Document:
    """A config.

    Attributes:
        data: The bytes of the file.
        text: The decoded bytes, including a byte order mark.
        source: The name of the file in messages.
        root: The top-level mapping.
        format: The format of the file.
    """

    def __init__(self, data: bytes, text: str, source: str, root: MappingNode, form: Format) -> None:
        self.data = data
        self.text = text
        self.source = source
        self.root = root
        self.format = form

    @property
    def name(self) -> str:
        """The file name, without its directory."""
        return PurePath(self.source).name

    def find(self, key: str) -> Value | None:
        """Return the value of a dotted key. List items are numbered from 0. Aliases and merges are followed."""
        item: Item = self.root
        for part in path_to(self.root, key):
            found = child(item, part)
            if found is None:
                return None
            item = found
        return self.value(item)

    def value(self, item: Item) -> Value:
        """Return an item of the tree with its place and its data."""
        start = item.start if isinstance(item, Alias) else item.start_mark.index
        return Value(place_at(self.text, start, self.source), plain(item))

    def plain(self) -> dict[Any, Any]:
        """Return the config as plain data, as ``yaml.safe_load`` would read it; values with an unknown tag as text."""
        data = plain(self.root)
        assert isinstance(data, dict)
        return data

    def scalars(self) -> Iterator[tuple[str, Value]]:
        """Yield every scalar with its dotted key, in the order of the text, without those that an alias repeats."""
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
        source: The name of the file in messages.
        form: The format; None to detect it from the suffix of ``source``, or else from the text.

    Raises:
        ConfigError: The config is not UTF-8, not valid in its format, empty, not a mapping, nested too deeply, or too
            large once its aliases are expanded.
    """
    text = _decoded(data, source)
    form = form or _format(source, text)
    return Document(data, text, source, _parser(form)(text, source), form)


def _format(source: str, text: str) -> Format:
    """Detect JSON and TOML by their suffixes, and JSON also by its content if the suffix is not one of YAML's."""
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
    except ModuleNotFoundError as error:  # tsdia-run runs under the script's Python, older than 3.11
        raise ConfigError(f"can't read {source}, which is TOML: {error}", hint="pip install tomli") from error
    return toml_text.compose(text, source)


def _decoded(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise ConfigError(f"{source} is UTF-16, not UTF-8", hint="Save the file as UTF-8.") from error
        before = data[: error.start].decode("utf-8", "replace")
        line = before.count("\n") + 1
        text = data.split(b"\n")[line - 1].decode("utf-8", "replace")
        place = SourcePosition(source, line, len(before) - before.rfind("\n"), text)
        raise ConfigError("not valid UTF-8", place=place, hint="Save the file as UTF-8.") from error
