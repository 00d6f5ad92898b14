"""Find values that YAML 1.1 reads differently than users expect (pure). tsdia-run only notes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from tsdia_run.config.document import Document
from tsdia_run.config.nodes import Alias, Item, key_text, place_at, plain
from tsdia_run.config.overrides import NUMBER_AS_TEXT
from tsdia_run.errors import SourcePosition

_TAG = "tag:yaml.org,2002:"
_WORDS = re.compile(r"yes|no|on|off", re.IGNORECASE)
_OTHER_WORDS = {"None": "write null for no value", "inf": "write .inf for infinity", "nan": "write .nan for NaN"}
_OCTAL_OF_YAML_1_2 = re.compile(r"0o[0-7]+")


@dataclass(frozen=True)
class Surprise:
    """A note about a line of the config.

    Attributes:
        place: The place in the config.
        message: How YAML reads the value, and how to write the value that the user probably meant.
    """

    place: SourcePosition
    message: str


def surprises(document: Document, own_section: str = "") -> tuple[Surprise, ...]:
    """Return notes about duplicate keys and misread values, in the order of the text.

    Args:
        document: The config.
        own_section: The section that only tsdia-run reads, which knows what its keys mean: `on` is one of them.
    """
    found = sorted(_walk(document, document.root, "", own_section), key=lambda pair: pair[0])
    return tuple(Surprise(place_at(document.text, at, document.source), message) for at, message in found)


def _walk(
    document: Document, item: Item, name: str, own_section: str = "", *, is_own: bool = False
) -> Iterator[tuple[int, str]]:
    if isinstance(item, ScalarNode):
        message = _surprise(item, name)
        if message:
            yield item.start_mark.index, message
    elif isinstance(item, SequenceNode):
        for inner in item.value:
            yield from _walk(document, inner, name, is_own=is_own)
    elif isinstance(item, MappingNode):
        yield from _duplicates(document, item)
        for key, inner in item.value:
            if not is_own:
                yield from _walk(document, key, "")
            is_inside = is_own or (bool(own_section) and key_text(key) == own_section)
            yield from _walk(document, inner, key_text(key), is_own=is_inside)


def _duplicates(document: Document, node: MappingNode) -> Iterator[tuple[int, str]]:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        if isinstance(key, Alias) or key.tag.endswith(":merge"):
            continue
        text, at = key_text(key), key.start_mark.index
        if text in seen:
            line, reader = place_at(document.text, seen[text], document.source).line, document.format.value
            yield (
                at,
                f"duplicate key `{text}`, first on line {line}: {reader} uses this value and ignores the first one",
            )
        seen[text] = at


def _surprise(node: ScalarNode, name: str) -> str | None:  # noqa: PLR0911 - one line per case
    """Return a note if YAML reads a plain scalar differently than the user may expect."""
    if node.style is not None:
        return None
    text, kind = node.value, node.tag.removeprefix(_TAG)
    if kind == "str" and NUMBER_AS_TEXT.fullmatch(text):
        return f"YAML reads {text} as a string, not a number; write {_as_float(text)} for the number"
    if kind == "str" and _OCTAL_OF_YAML_1_2.fullmatch(text):
        return f"YAML reads {text} as a string; write {int(text, 8)} for the number"
    if kind == "str" and text in _OTHER_WORDS:
        return f'YAML reads {text} as the string "{text}"; {_OTHER_WORDS[text]}'
    if kind == "str" and re.fullmatch(r"0\d+", text):
        return f"YAML reads {text} as a string, since it is not an octal number; remove the leading zero, or quote it"
    if kind == "bool" and _WORDS.fullmatch(text):
        return f'YAML reads {text} as {str(plain(node)).lower()}; write "{text}" for the word'
    if kind == "timestamp":
        return f'YAML reads {text} as a date; write "{text}" for the string'
    if kind in ("int", "float") and ":" in text:
        return f'YAML reads {text} as the number {plain(node)} (base 60); write "{text}" for the string'
    if kind == "int" and re.fullmatch(r"[-+]?0[0-7_]+", text):
        return f"YAML reads {text} as the octal number {plain(node)}; remove the leading zero, or quote it"
    if kind == "float" and "version" in name.lower():
        return f'YAML reads {text} as the number {plain(node)}; write "{text}" for a version'
    return None


def _as_float(text: str) -> str:
    mantissa, exponent = text.lower().split("e")
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"{mantissa}e{exponent if exponent[0] in '+-' else '+' + exponent}"
