"""Find values in a config that look like secrets (pure)."""

from __future__ import annotations

from tsdia_run.config import Document, Value
from tsdia_run.files.redaction import is_secret, secret_kind

_MIN_CHARACTERS = 8


def secrets_in(document: Document) -> list[tuple[str, Value, str]]:
    """Return the dotted key, value and kind of each secret."""
    texts = [(key, value) for key, value in document.scalars() if isinstance(value.plain, str)]
    return [(key, value, kind) for key, value in texts if (kind := _kind(key, value.plain))]


def _kind(key: str, text: str) -> str | None:
    is_named_so = is_secret(key.rpartition(".")[2], text) and len(text) >= _MIN_CHARACTERS and "${" not in text
    return secret_kind(text) or ("a secret" if is_named_so else None)
