r"""Read and write words of a bash command line (pure).

Bash hands the line to a completion as it was typed, and takes the answer as text for the line. So the answer is quoted
here, in the style of the quote that is open at the cursor. zsh and fish quote what they insert.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# What ends a run of ordinary characters, by the open quote. The last escape may be partial: readline inserts what
# several candidates have in common.
_MARKS = {
    "": re.compile(r"""\\(?P<literal>.?)|(?P<partial>\$\Z)|(?P<opened>\$?['"])|(?P<space>\s+)""", re.DOTALL),
    "'": re.compile(r"(?P<closed>')"),
    '"': re.compile(r'\\(?P<literal>[$`"\\]|\Z)|(?P<closed>")'),
    "$'": re.compile(r"(?P<bytes>(?:\\x[0-9a-f]{2})+)|\\(?P<literal>['\\]|\Z)|(?P<partial>\\x.?\Z)|(?P<closed>')"),
}
_SAFE = re.compile(r"[\w%+,./:=@-]")
_TILDE = re.compile(r"~[\w.-]*/")


@dataclass(frozen=True)
class Word:
    """A word up to the cursor, as bash reads it.

    Attributes:
        value: The word without its quotes.
        quote: The quote that is open at its end; empty if none is.
    """

    value: str = ""
    quote: str = ""


def words(line: str) -> list[Word]:
    """Return the words of a command line; the last one is at the cursor, and is empty after a space."""
    found, value, quote, at = [], "", "", 0
    while match := _MARKS[quote].search(line, at):
        value += line[at : match.start()]
        kind, at = match.lastgroup, match.end()
        if kind == "space":
            found.append(Word(value))
            value = ""
        elif kind == "literal":
            value += match.group(kind)
        elif kind == "bytes":
            value += bytes.fromhex(match.group(kind).replace("\\x", "")).decode("utf-8", "surrogateescape")
        elif kind != "partial":
            quote = match.group(kind).replace('$"', '"') if kind == "opened" else ""
    return [*found, Word(value + line[at:], quote)]


def insertion(candidate: str, line: str, replaced: str) -> str:
    """Return the text that makes a candidate of the word at the cursor.

    Args:
        candidate: The whole word, which begins as the typed one does.
        line: The command line up to the cursor.
        replaced: The end of the line that bash replaces. It may be less than the word: bash breaks words at ``:``.
    """
    kept = words(line[: len(line) - len(replaced)])[-1]
    rest = candidate[len(kept.value) :]
    # Quoted, a tilde is no home directory.
    tilde = None if kept.value or kept.quote else _TILDE.match(replaced)
    home = tilde.group() if tilde and rest.startswith(tilde.group()) else ""
    return home + "".join(_quoted(character, kept.quote) for character in rest[len(home) :])


def _quoted(character: str, quote: str) -> str:
    """Quote one character; a quote in which it can't stand is closed before it and opened again after it."""
    if not character.isprintable():
        data = character.encode("utf-8", "surrogateescape")
        escaped = "".join(f"\\x{byte:02x}" for byte in data)
        return escaped if quote == "$'" else f"{quote}$'{escaped}'{quote}"
    if quote == "$'":
        return f"\\{character}" if character in "\\'" else character
    if quote == "'":
        return "'\\''" if character == "'" else character
    if quote == '"':
        # History expansion takes `!` also there, and a backslash before it would stay.
        return '"\\!"' if character == "!" else re.sub(r"[$`\"\\]", r"\\\g<0>", character)
    return character if _SAFE.match(character) else f"\\{character}"
