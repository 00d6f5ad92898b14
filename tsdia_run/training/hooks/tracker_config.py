"""The config of the attempt, as trackers get it: without secrets; flat for those that take no nesting."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsdia_run.files.redaction import REDACTED, is_secret_name, secret_kind

# Where the config file stands among what the script itself tells its trackers.
KEY = "config_file"
_SCALARS = (bool, int, float, str)


@dataclass(frozen=True)
class TrackerConfig:
    """The config of the attempt.

    Attributes:
        values: What trackers get of it: nothing where there is none, else all of it under ``KEY``, without secrets.
        text: Its text; None where there is none, or a secret in it.
    """

    values: Mapping[str, Any]
    text: str | None


def read(path: Path | None) -> TrackerConfig:
    """Read the config that the script got; None where it takes none."""
    if path is None:
        return TrackerConfig({}, None)
    # 40 ms, which a script without trackers need not wait for.
    from tsdia_run import config

    document = config.read(path)
    values, shown = document.plain(), without_secrets(document.plain())
    return TrackerConfig({KEY: shown}, document.text if shown == values else None)


def flat(values: Mapping[Any, Any], lead: str = "") -> dict[str, Any]:
    """The values by their dotted names.

    Args:
        values: Nested mappings, lists and scalars; what a tracker takes by itself (a tensor) stays.
        lead: What the names begin with.
    """
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{lead}{key}"
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{name}.")
        elif isinstance(value, _SCALARS) or hasattr(value, "item"):
            found[name] = value
        else:
            found[name] = json.dumps(value, default=str, ensure_ascii=False)
    return found


def without_secrets(value: Any, name: str = "") -> Any:
    """A value, but what looks like a secret, by its name or its shape, is left out."""
    if isinstance(value, Mapping):
        return {key: without_secrets(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner, name) for inner in value]
    if isinstance(value, str) and value and (is_secret_name(name) or secret_kind(value)):
        return REDACTED
    return value
