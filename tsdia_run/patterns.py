"""Match globs in a run directory with ``{step}`` and ``{epoch}``: the setting ``checkpoints.pattern`` (pure)."""

from __future__ import annotations

import re
from functools import cache

_TOKEN = re.compile(r"\{(?P<name>[^{}]*)\}|\*\*/|\*+|\?|\[!?[^\]/]+\]|(?P<stray>[\[{}])|.", re.DOTALL)
_PLACEHOLDERS = ("step", "epoch")


@cache
def compiled(pattern: str) -> re.Pattern[str] | None:
    """Return the regular expression for a path relative to the run directory; None if the pattern is invalid.

    ``*`` and ``?`` match within a name, ``**/`` any number of folders, ``{step}`` and ``{epoch}`` numbers.
    """
    if not pattern or "\0" in pattern or any(part in ("", ".", "..") for part in pattern.rstrip("/").split("/")):
        return None
    parts = [_translated(token) for token in _TOKEN.finditer(pattern.rstrip("/"))]
    if None in parts:
        return None
    try:
        return re.compile("".join(part for part in parts if part is not None))
    except re.error:  # a repeated placeholder, or a class such as [z-a]
        return None


def _translated(token: re.Match[str]) -> str | None:
    text, name = token.group(), token["name"]
    if token["stray"] or (name is not None and name not in _PLACEHOLDERS):
        return None
    if name:
        return f"(?P<{name}>[0-9]+)"
    if len(text) > 1 and text.startswith("["):
        inner = text[1:-1].replace("\\", "\\\\")
        return f"[^{inner[1:]}/]" if inner.startswith("!") else f"[{inner}]"
    if text.startswith("*"):
        return "(?:[^/]+/)*" if text == "**/" else "[^/]*"
    return "[^/]" if text == "?" else re.escape(text)
