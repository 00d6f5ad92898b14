"""Write a value on one line, in the format of a config (pure)."""

from __future__ import annotations

import json
import math
import re
from datetime import date, time
from typing import Any

import yaml
from yaml.nodes import ScalarNode

from tsdia_run.config.document import Format
from tsdia_run.errors import UsageError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def dump(value: Any, form: Format = Format.YAML) -> str:  # noqa: ANN401 - whatever a config holds
    """Return a value on one line, in a form that is safe anywhere in a config.

    Raises:
        UsageError: The format can't represent the value.
    """
    if form is Format.JSON:
        return _json(value)
    if form is Format.TOML:
        return _toml(value)
    # In a list, so that text that is not allowed in a flow collection is quoted too.
    text: str = yaml.dump([value], Dumper=_Dumper, default_flow_style=True, width=2**30, allow_unicode=True)
    return text[1 : text.rindex("]")]


class _Dumper(yaml.SafeDumper):
    """Writes line breaks and control characters in strings as escapes, so that each string is one line."""


def _represent_text(dumper: _Dumper, text: str) -> ScalarNode:
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _json(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
        text.encode()
    except UnicodeEncodeError:  # a file name that is not UTF-8
        return json.dumps(value, default=str)
    return text


def toml_key(name: str) -> str:
    """Return the key of a table, quoted if needed."""
    return name if _BARE_KEY.fullmatch(name) else _toml_text(name)


def _toml(value: object) -> str:  # noqa: PLR0911 - one line per type
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _toml_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # inf, -inf, nan
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (date, time)):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{toml_key(str(name))} = {_toml(inner)}' for name, inner in value.items())}}}"
    raise UsageError(f"TOML can't represent {'null' if value is None else repr(value)}", hint="Use another value.")


def _toml_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"TOML can't represent {text!r}, which is not UTF-8", hint="Use another name.") from error
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
