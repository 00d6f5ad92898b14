"""The types of settings: each checks a value from a file and parses the text of a flag (pure)."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tsdia_run.patterns import compiled
from tsdia_run.text import is_passable

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])i?B?", re.IGNORECASE)
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|)", re.IGNORECASE)
_WEBHOOK = re.compile(
    r"https?://(?:[^\s/@]+@)?(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:[/?][\x21-\x7e]*)?", re.ASCII | re.IGNORECASE
)
EVENTS_OF_RUNS = ("completed", "failed", "stopped", "hung", "restarted")
_MIN_SIZE_BYTES = 4096
# The word for an infinite time.
UNLIMITED = "none"


class Launcher(Enum):
    """The program that starts the ranks."""

    ACCELERATE = "accelerate"
    PYTHON = "python"


@dataclass(frozen=True)
class ValueKind:
    """The type of a setting.

    Attributes:
        words: The type, as error messages name it.
        checked: Returns the value as ``Settings`` stores it, or None if the value has another type.
        from_text: Parses the text of a flag; may raise ValueError. None if the text needs no parsing.
        is_secret: Whether the value is a secret, which no message and no record may have.
    """

    words: str
    checked: Callable[[object], object]
    from_text: Callable[[str], object] | None = None
    is_secret: bool = False


def _text(value: object) -> object:
    return value if isinstance(value, str) and value and is_passable(value) else None


def _paths(value: object) -> object:
    is_list = isinstance(value, (list, tuple)) and all(_text(item) is not None for item in value)
    return tuple(value) if is_list else None  # type: ignore[arg-type]


def _texts(value: object) -> object:
    is_list = isinstance(value, (list, tuple)) and all(isinstance(item, (str, int, float)) for item in value)
    texts = tuple(str(item) for item in value) if is_list else ("\0",)  # type: ignore[attr-defined]
    return texts if all(map(is_passable, texts)) else None


def _events(value: object) -> object:
    words = [value] if isinstance(value, str) else value if isinstance(value, (list, tuple)) else [None]
    return tuple(words) if all(word in EVENTS_OF_RUNS for word in words) else None


def _webhook(value: object) -> object:
    return value if isinstance(value, str) and _WEBHOOK.fullmatch(value) else None


def _patterns(value: object) -> object:
    globs = [value] if isinstance(value, str) else value if isinstance(value, (list, tuple)) else [None]
    return tuple(globs) if all(isinstance(one, str) and compiled(one) for one in globs) else None


def _integer_from(least: int) -> Callable[[object], object]:
    def checked(value: object) -> object:
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= least else None

    return checked


def _seconds(value: object) -> object:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf
    return float(value) if is_number else None  # type: ignore[arg-type]


def _time(value: object) -> object:
    """Parse a number of seconds > 0, or a string with a unit: 90s, 30m, 1.5h, 2d."""
    return _seconds(_in_seconds(value)) or None


def _grace(value: object) -> object:
    """Parse a number of seconds >= 0, a string with a unit, or the word ``none`` for no limit."""
    if isinstance(value, str) and value.strip().lower() == UNLIMITED:
        return math.inf
    return _seconds(_in_seconds(value))


def _in_seconds(value: object) -> object:
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return value
    return float(match.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}[match.group(2)[:1].lower()]


def plain(value: Any) -> Any:  # noqa: ANN401 - any setting
    """Return a value as a user would write it in a file: the inverse of a check."""
    if isinstance(value, float) and math.isinf(value):
        return UNLIMITED
    return value.value if isinstance(value, Enum) else value


def _size(value: object) -> object:
    """Parse a number of bytes, or a string with a unit: 512 KiB, 64MiB, 1.5 GiB; at least 4 KiB."""
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match:
        value = int(float(match.group(1)) * 1024 ** ("KMGT".index(match.group(2).upper()) + 1))
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= _MIN_SIZE_BYTES else None


def _switch(value: object) -> object:
    return value if isinstance(value, bool) else None


def _one_of(*words: str, false: str) -> Callable[[object], object]:
    """Accept one of the words. YAML reads the word ``false`` names as the boolean false if it is not quoted."""

    def checked(value: object) -> object:
        return false if value is False else value if value in words else None

    return checked


def _launcher(value: object) -> object:
    try:
        return Launcher(value)
    except ValueError:
        return None


def _values(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) and all(isinstance(name, str) for name in value) else None


def _variables(value: object) -> object:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        return None
    variables = {name: _variable(text) for name, text in value.items() if text is not None}
    are_names = all(name and "=" not in name for name in variables)
    return variables if are_names and all(map(is_passable, [*variables, *variables.values()])) else None


def _variable(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


TEXT = ValueKind("a string", _text)
PATH = ValueKind("a path", _text)
TEXTS = ValueKind("a list of strings", _texts, shlex.split)
PATHS = ValueKind("a list of paths", _paths)
PATTERNS = ValueKind("a glob in the run directory ({step} and {epoch} match numbers), or a list of globs", _patterns)
COUNT = ValueKind("an integer >= 1", _integer_from(1))
NUMBER = ValueKind("an integer >= 0", _integer_from(0))
SECONDS = ValueKind("a number of seconds >= 0", _seconds)
TIME = ValueKind("a time such as 90s, 30m, 12h or 2d, or a number of seconds", _time)
GRACE = ValueKind("a time such as 90s or 10m, a number of seconds >= 0, or none", _grace)
VARIABLES = ValueKind("a mapping of variable names to strings", _variables)
VALUES = ValueKind("a mapping of config keys to values", _values)
SIZE = ValueKind("a size such as 64 MiB, or a number of bytes", _size)
SWITCH = ValueKind("true or false", _switch)
WANDB_CONSOLE = ValueKind("off, auto, wrap or redirect", _one_of("off", "auto", "wrap", "redirect", false="off"))
JOURNAL = ValueKind("memory or file", _one_of("memory", "file", false="memory"))
LAUNCHER = ValueKind("accelerate or python", _launcher)
EVENTS = ValueKind(f"a list of events ({', '.join(EVENTS_OF_RUNS)})", _events)
WEBHOOK = ValueKind("an http or https URL", _webhook, is_secret=True)
PRECISION = ValueKind("no, fp16, bf16 or fp8", _one_of("no", "fp16", "bf16", "fp8", false="no"))
