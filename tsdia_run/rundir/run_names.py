"""The names that a new run may have, so that every command can name it (pure)."""

from __future__ import annotations

# In place of a name, it means the run that was started last.
LATEST = "latest"
# Below Linux's NAME_MAX, with space for the temporary names next to it.
MAX_NAME_BYTES = 200
_BEGINNINGS = {
    "-": "commands would read it as an option",
    ".": "hidden directories are not searched for runs",
    "~": "shells would read it as a home directory",
}


def fault(name: str) -> str | None:
    """Return why a run must not have this name; None if it may."""
    if not name or name in (".", ".."):
        return "it names no directory of its own"
    if "/" in name:
        return "it contains `/`"
    if name == LATEST:
        return "in commands, it means the run that was started last"
    if any(ord(one) < 32 or ord(one) == 127 for one in name):
        return "it contains a control character"
    return _BEGINNINGS.get(name[0])


def usable(name: str) -> str:
    """Return the name, changed as little as possible so that a run may have it, with room for a number."""
    clean = "".join(one if one.isprintable() and one != "/" else "-" for one in name).lstrip("".join(_BEGINNINGS))
    short = clean.encode()[: MAX_NAME_BYTES - 8].decode(errors="ignore")
    return f"{short}-run" if short == LATEST else short or "run"
