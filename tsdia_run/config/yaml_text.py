"""Parse YAML into a tree of nodes (pure).

No object is constructed from a tag. A tag that only the script's loader understands (``!include``) stays text.
"""

from __future__ import annotations

from typing import Any

import yaml
from yaml.composer import Composer
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import Resolver
from yaml.scanner import Scanner

from tsdia_run.config.nodes import Alias, TooLargeError, measure, place_at
from tsdia_run.errors import ConfigError

_HINTS = (
    ("'\\t'", "YAML can't be indented with tabs: replace them with spaces."),
    ("mapping values are not allowed", "Quote a string that contains `: `."),
    ("undefined alias", "Quote a string that starts with `*`. An alias needs its `&anchor` before it."),
    ("cannot start any token", "Quote a string that starts with this character."),
    ("expected ':'", "Check for a line without `: `."),
    ("expected <block end>", "Check the indentation of this line."),
    ("found another document", "A config is one document: remove the line `---` and everything after it."),
)


class _Loader(Reader, Scanner, Parser, Composer, Resolver):
    """PyYAML's loader, but aliases stay in the tree."""

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


def compose(text: str, source: str) -> MappingNode:
    """Parse a text and return its top-level mapping.

    Raises:
        ConfigError: The text is not YAML, empty, not a mapping, nested too deeply, or too large once its aliases are
            expanded.
    """
    try:
        root = _Loader(text).get_single_node()
        if isinstance(root, Node):
            measure(root, {}, 0)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, source) from error
    except ReaderError as error:
        place = place_at(text, error.position, source)
        raise ConfigError(
            f"YAML doesn't allow the character {ord(text[error.position]):#04x}",
            place=place,
            hint="Write it as an escape in double quotes.",
        ) from error
    except (RecursionError, TooLargeError) as error:
        reason = "is nested too deeply, or its aliases expand to too much data"
        raise ConfigError(f"{source} {reason}", hint="Write the values instead of the aliases.") from error
    if root is None:
        raise ConfigError(f"{source} is empty", hint="Write settings as `key: value` lines, or omit CONFIG.")
    if not isinstance(root, MappingNode):
        raise ConfigError(
            "a config must be a mapping: lines of `key: value`", place=place_at(text, root.start_mark.index, source)
        )
    return root


def _syntax_error(error: yaml.MarkedYAMLError, text: str, source: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "unreadable"
    hint = next((hint for words, hint in _HINTS if words in problem), "")
    place = place_at(text, min(mark.index, len(text)), source) if mark else None
    return ConfigError(f"not valid YAML: {problem}", place=place, hint=hint)
