"""Format durations, sizes, counts and paths, clean text from outside, and find the nearest word (pure)."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_PARTS = tuple(zip(_STEPS, (*_STEPS[1:], (1, "s")), strict=True))
# Terminal control sequences, in 7 and 8 bits: CSI with its final byte, and complete OSC, DCS, SOS, PM, APC.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])"
    r"[^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)"
)


def age(elapsed: timedelta) -> str:
    """Return a rough duration: ``3 d``, ``5 h``, ``12 min``, ``8 s``."""
    seconds = max(0, int(elapsed.total_seconds()))
    for unit_s, unit in _STEPS:
        if seconds >= unit_s:
            return f"{seconds // unit_s} {unit}"
    return f"{seconds} s"


def duration(seconds: float) -> str:
    """Return a duration with two parts: ``1 d 2 h``, ``5 h 12 min``, ``3 min 20 s``, ``8.4 s``."""
    if seconds < 60:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    for (unit_s, unit), (part_s, part) in _PARTS:
        if whole >= unit_s:
            return f"{whole // unit_s} {unit} {whole % unit_s // part_s} {part}"
    return f"{whole} s"


def size(size_bytes: int) -> str:
    """Return a size in binary units: ``512 B``, ``1.4 MiB``."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1024 or unit == "TiB":
            break
    return f"{value:.1f} {unit}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``no checkpoints``, ``1 checkpoint``, ``3 checkpoints``."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def shown(path: Path) -> str:
    """Return the shortest form of a path for the command line."""
    try:
        relative = os.path.relpath(path)
    except OSError:  # the working directory was removed or unmounted
        return str(path)
    return str(path) if relative == ".." or relative.startswith("../") else argument(relative)


def argument(path: str) -> str:
    """Return a path so that no command reads it as an option or as a home directory."""
    return f"./{path}" if path.startswith(("-", "~")) else path


def shell(argv: Iterable[str]) -> str:
    """Quote a command line for a shell; line breaks and control characters are escaped."""
    return " ".join(_shell_word(word) for word in argv)


def _shell_word(word: str) -> str:
    if word.isprintable():
        # zsh replaces `=name` by the path of a program.
        return f"'{word}'" if word.startswith("=") and shlex.quote(word) == word else shlex.quote(word)
    return "$'" + "".join(_shell_character(character) for character in word) + "'"


def _shell_character(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    try:
        data = os.fsencode(character)
    except UnicodeEncodeError:  # no file has such a name
        data = character.encode("utf-8", "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in data)


def visible(text: str) -> str:
    r"""Return text from outside tsdia-run in one line, safe for a terminal, a log and a record.

    Terminal escape sequences are removed. Any other character that is not printable is replaced by its escape: control
    characters, bidirectional overrides, line separators, lone surrogates. A byte that is not UTF-8 becomes ``\xNN``.
    ``training/boot/attempt_files.py`` has a copy, since it can't import the package.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escape(one) for one in _ESCAPES.sub("", text))


def visible_lines(text: str) -> str:
    """Return the same as ``visible``, but keep the line breaks."""
    return text if text.isprintable() else "\n".join(map(visible, text.split("\n")))


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def is_passable(text: str) -> bool:
    """Return whether a text can be an argument or an environment variable: it has no NUL and no lone surrogate."""
    return not any(one == "\0" or "\ud800" <= one <= "\udc7f" or "\udd00" <= one <= "\udfff" for one in text)


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that the user probably meant; None if no candidate is similar."""
    import difflib  # imported here, since only errors need it

    return next(iter(difflib.get_close_matches(word, list(candidates), n=1)), None)
