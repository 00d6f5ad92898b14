"""YAML as a tree of nodes (pure).

Nothing is ever constructed from a tag: what only the script's own loader understands (``!include``) stays text.
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
    ("'\\t'", "YAML is not indented by tabs: replace them by spaces."),
    ("mapping values are not allowed", "Quote a text that has `: ` in it."),
    ("undefined alias", "Quote a text that begins with `*`; an alias needs its `&anchor` before it."),
    ("cannot start any token", "Quote a text that begins with this character."),
    ("expected ':'", "Is there a line without `: `?"),
    ("expected <block end>", "Is this line indented as its neighbours are?"),
    ("found another document", "A config is one document: remove the line `---` and what follows it."),
)


class _Loader(Reader, Scanner, Parser, Composer, Resolver):
    """PyYAML's own, but aliases stay visible in the tree."""

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
    """The mapping at the top of a text.

    Raises:
        ConfigError: It is not YAML, empty, not a mapping, or made to be expensive.
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
            f"the character {ord(text[error.position]):#04x} is not allowed in YAML",
            place=place,
            hint="Write it as an escape in double quotes.",
        ) from error
    except (RecursionError, TooLargeError) as error:
        reason = "is nested too deeply, or repeats itself through its aliases too often"
        raise ConfigError(f"{source} {reason}", hint="Write out what the aliases stand for.") from error
    if root is None:
        raise ConfigError(f"{source} is empty", hint="Write settings as `key: value` lines, or leave CONFIG out.")
    if not isinstance(root, MappingNode):
        raise ConfigError(
            "a config must be a mapping: lines of `key: value`", place=place_at(text, root.start_mark.index, source)
        )
    return root


def _syntax_error(error: yaml.MarkedYAMLError, text: str, source: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "it can't be read"
    hint = next((hint for words, hint in _HINTS if words in problem), "")
    place = place_at(text, min(mark.index, len(text)), source) if mark else None
    return ConfigError(f"not valid YAML: {problem}", place=place, hint=hint)
