"""Prepare the config of the attempt for trackers: without secrets, and flat for trackers without nested values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsdia_run.files.redaction import REDACTED, is_secret, secret_kind

# The key of the config file in the config that a tracker gets.
KEY = "config_file"
_SCALARS = (bool, int, float, str)


@dataclass(frozen=True)
class TrackerConfig:
    """The config of the attempt.

    Attributes:
        values: The values for trackers: the config under ``KEY``, without secrets; empty if there is no config.
        text: The text of the config; None if there is no config, or if it contains a secret.
    """

    values: Mapping[str, Any]
    text: str | None


def read(path: Path | None) -> TrackerConfig:
    """Read the config that the script receives; ``path`` is None if it receives none."""
    if path is None:
        return TrackerConfig({}, None)
    # Takes 40 ms; a script without trackers does not need it.
    from tsdia_run import config

    document = config.read(path)
    values, shown = document.plain(), without_secrets(document.plain())
    return TrackerConfig({KEY: shown}, document.text if shown == values else None)


def flat(values: Mapping[Any, Any], lead: str = "") -> dict[str, Any]:
    """Return the values by their dotted names.

    Args:
        values: Nested mappings, lists and scalars; a value that trackers accept (a tensor) is not converted.
        lead: The prefix of the names.
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
    """Return a value with secrets redacted; a secret is recognized by its name or its format."""
    if isinstance(value, Mapping):
        return {key: without_secrets(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner, name) for inner in value]
    if isinstance(value, str) and (is_secret(name, value) or secret_kind(value)):
        return REDACTED
    return value
