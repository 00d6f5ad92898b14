"""Describe the exception that ended a script in one line, from the exit record of a rank (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tsdia_run.outcome.traceback_text import exceptions
from tsdia_run.text import visible

_MAX_CHARACTERS = 300
_MAX_ORIGIN_CHARACTERS = 150
_END_CHARACTERS = 80
# They end a loop or a script; the exception that was raised while they were handled does not follow from them.
_ORDINARY = frozenset(
    "KeyboardInterrupt SystemExit StopIteration StopAsyncIteration GeneratorExit _queue.Empty queue.Empty".split()
)
_TRACEBACK = "Traceback (most recent call last)"
# How torch introduces the traceback of a data loader's worker, and of a process of torch.multiprocessing.spawn.
_PROCESS = re.compile(r"(?:Caught [\w.]+ in (?P<loader>.+?)\.$|^-- (?P<spawned>Process \d+) terminated)", re.MULTILINE)


@dataclass(frozen=True)
class ScriptError:
    """The exception that ended a script.

    Attributes:
        kind: Its type, as Python prints it; of an exception that ``sys.exit`` replaced, the type of that one.
        text: Type, message, line of the user's own code, and the exception that caused it, in one line.
        where: The innermost line of the user's own code, ``file.py:12``; None if no line of it was involved.
        is_exit: Whether it is only ``sys.exit`` with an exit code.
    """

    kind: str
    text: str
    where: str | None = None
    is_exit: bool = False


def script_error(found: Mapping[str, object]) -> ScriptError:
    """Describe the exception of an exit record."""
    kind, origin, relation = _text(found, "type"), _origin(found), "while handling"
    if origin is not None and origin.get("relation") == "cause":
        relation = "caused by"
    if kind == "SystemExit":
        return _exit(found, origin)
    text, place = _brief(found, _MAX_CHARACTERS), _where(found)
    if origin is not None and _text(origin, "type").endswith("RemoteTraceback"):  # of multiprocessing and futures
        there = next((one.where for one in reversed(exceptions(_text(origin, "message").splitlines()))), None)
        text += ", in a child process" + (f" ({there})" if there else "")
    elif origin is not None:
        text += f", {relation} {_brief(origin, _MAX_ORIGIN_CHARACTERS)}"
    members = _members(found)
    return ScriptError(kind, f"{text}: {members}" if members else text, place)


def _exit(found: Mapping[str, object], origin: Mapping[str, object] | None) -> ScriptError:
    message = _text(found, "message")
    is_code = message.strip() in ("", "None", "True", "False") or message.lstrip("-").isdecimal()
    if origin is not None and is_code:
        return ScriptError(_text(origin, "type"), _brief(origin, _MAX_CHARACTERS), _where(origin))
    place = _where(found)
    text = f"sys.exit({message})" if is_code else _short(message, _MAX_CHARACTERS)
    text += f" ({place})" if place else ""
    if origin is not None:
        text += f", while handling {_brief(origin, _MAX_ORIGIN_CHARACTERS)}"
    return ScriptError("SystemExit", text, place, is_code)


def _brief(one: Mapping[str, object], limit: int) -> str:
    """Return type, message and place; of a message with the traceback of another process, those of its exception."""
    message, place = _text(one, "message"), _where(one)
    kind = visible(_text(one, "type"))
    inner = exceptions(message.splitlines()) if _TRACEBACK in message else []
    if inner:
        process = _PROCESS.search(message)
        source = ((process["loader"] or process["spawned"]) if process else None) or "another process"
        last = inner[-1]
        place = f"{last.where}, in {source}" if last.where else f"in {source}"
        kind, message = last.kind, last.message
    message = _short(message, limit)
    text = f"{kind}: {message}" if message else kind
    return f"{text} ({place})" if place else text


def _members(found: Mapping[str, object]) -> str:
    members, count = found.get("members"), found.get("member_count")
    inside = members if isinstance(members, list) else []
    shown = [_brief(one, _MAX_ORIGIN_CHARACTERS) for one in inside if isinstance(one, dict)]
    more = count - len(shown) if isinstance(count, int) else 0
    return "; ".join([*shown, *([f"and {more} more"] if more > 0 else [])])


def _origin(found: Mapping[str, object]) -> Mapping[str, object] | None:
    origin = found.get("origin")
    if not isinstance(origin, dict) or _text(origin, "type") in _ORDINARY:
        return None
    is_same = all(_text(origin, name) == _text(found, name) for name in ("type", "message"))
    return None if is_same else origin


def _short(message: str, limit: int) -> str:
    """Return a message in one line; of a long one the beginning and the end, where libraries put the cause."""
    text = visible(" ".join(message.split()))
    return text if len(text) <= limit else f"{text[: limit - _END_CHARACTERS]} … {text[-_END_CHARACTERS:]}"


def _where(one: Mapping[str, object]) -> str | None:
    at = one.get("at")
    return visible(f"{str(at.get('file')).rpartition('/')[2]}:{at.get('line')}") if isinstance(at, dict) else None


def _text(one: Mapping[str, object], name: str) -> str:
    value = one.get(name)
    return value if isinstance(value, str) else ""
