"""A nested config for trackers that take none: ``a.b.c``, lists as JSON text (pure)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tsdia_run.files.redaction import REDACTED, is_secret_name, secret_kind

_SCALARS = (bool, int, float, str)


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
    """The same, but what looks like a secret, by its name or its shape, is left out."""
    if isinstance(value, Mapping):
        return {key: without_secrets(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner, name) for inner in value]
    if isinstance(value, str) and value and (is_secret_name(name) or secret_kind(value)):
        return REDACTED
    return value
