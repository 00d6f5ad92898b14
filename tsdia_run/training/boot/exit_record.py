"""The exit record of a rank: how its script ended.

The rank writes ``attempts/N/exit-rankR.json`` when the main code of its script ends in a way that Python can see:
normally, by ``sys.exit`` or by an exception. A process that ends by a signal or ``os._exit`` writes none. The object
has these keys:

    rank, pid     integers
    ended_at      ISO 8601, UTC
    exit_code     0 to 255; null after a KeyboardInterrupt, because Python then ends by a signal
    signal        2 after a KeyboardInterrupt, otherwise null
    step          the last step that the script logged or used in a checkpoint; null if there is none
    is_consequence  whether the exception says that another rank has ended, as a reset connection does
    exception     null after a normal end, and after ``sys.exit(0)`` unless it hid an exception; otherwise an object:
        type      qualified as Python prints it: ValueError, torch.cuda.OutOfMemoryError
        message   with its notes, without secrets; the beginning and the end of a text of more than 2,000 characters
        frames    the innermost frames, at most 20; the last one raised it; each has file, line, function, source
        at        the innermost frame in the user's own code: not in the standard library, an installed package or a
                  hook; null if there is none
        origin    the first exception of a chain: type, message, at, and relation: "cause" or "context"; else null
        members   of a group, the first 3 exceptions with no members of their own: type, message, at
        member_count  the number of these exceptions

Until it writes a record, this module imports only modules that Python loads at its start.
"""

from __future__ import annotations

import os

from tsdia_run.training.boot.exception_chain import is_consequence, members, origin
from tsdia_run.training.boot.rank_state import RANK

TYPE_CHECKING = False  # importing typing or collections would delay each start by milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType, TracebackType

_MESSAGE_CHARACTERS = 2_000
_SOURCE_CHARACTERS = 200
_FRAMES = 20
_MEMBERS = 3
_SIGINT = 2
# A name, because ``boot`` does not import the rest of the package.
_REDACTION = "tsdia_run.files.redaction"


def exit_record(error: BaseException | None, trace: TracebackType | None, rank: int) -> dict[str, object]:
    """Return the exit record of this process.

    Args:
        error: The exception that ended the script; None for a normal end.
        trace: The part of its traceback that belongs to the script.
        rank: The rank of this process.
    """
    from datetime import datetime, timezone

    interrupted = isinstance(error, KeyboardInterrupt)
    exit_code = _exit_code(error)
    is_failure = error is not None and (exit_code != 0 or _hides_exception(error))
    return {
        "rank": rank,
        "pid": os.getpid(),
        "ended_at": datetime.now(timezone.utc).isoformat(timespec="microseconds"),
        "exit_code": None if interrupted else exit_code,
        "signal": _SIGINT if interrupted else None,
        "step": RANK.progress.step,
        "is_consequence": error is not None and is_consequence(error),
        "exception": _described(error, trace) if error is not None and is_failure else None,
    }


def _exit_code(error: BaseException | None) -> int:
    """Return the exit code as the system sees it: https://docs.python.org/3/library/sys.html#sys.exit ."""
    code = error.code if isinstance(error, SystemExit) else error
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1


def _hides_exception(error: BaseException) -> bool:
    """Return whether ``sys.exit(0)`` in a ``finally`` or ``except`` block has replaced an exception."""
    first = origin(error)
    return first is not None and isinstance(first[0], Exception)


def _described(error: BaseException, trace: TracebackType | None) -> dict[str, object]:
    first = origin(error)
    leaves = members(error) or (members(first[0]) if first else [])
    return {
        **_brief(error, trace),
        "frames": [_frame(*entry) for entry in list(_entries(trace))[-_FRAMES:]],
        "origin": {**_brief(first[0], first[0].__traceback__), "relation": first[1]} if first else None,
        "members": [_brief(leaf, leaf.__traceback__) for leaf in leaves[:_MEMBERS]],
        "member_count": len(leaves),
    }


def _brief(error: BaseException, trace: TracebackType | None) -> dict[str, object]:
    own = [entry for entry in _entries(trace) if _is_users(entry[0].f_code.co_filename)]
    at = _frame(*own[-1]) if own else None
    if isinstance(error, SyntaxError) and error.filename and _is_users(error.filename):
        at = {"file": error.filename, "line": error.lineno, "function": "", "source": _clean(_short(error.text or ""))}
    return {"type": _type_name(type(error)), "message": _clean(_message(error)), "at": at}


def _entries(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _frame(frame: FrameType, line: int) -> Mapping[str, object]:
    import linecache

    name = frame.f_code.co_filename
    source = linecache.getline(name, line, frame.f_globals)
    return {"file": name, "line": line, "function": frame.f_code.co_name, "source": _clean(_short(source))}


def _clean(text: str) -> str:
    """Return a text without secrets; unchanged if the package was replaced and can't be loaded."""
    from importlib import import_module

    try:
        redacted: str = import_module(_REDACTION).Redactor.from_environment(os.environ).text(text)
    except Exception:  # a module of another version may fail for any reason
        return text
    return redacted


def _short(source: str) -> str:
    return source.strip()[:_SOURCE_CHARACTERS]


def _is_users(file: str) -> bool:
    installed = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
    standard = os.path.dirname(os.__file__) + os.sep
    hooks = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
    return not (file.startswith(("<", standard, hooks)) or any(part in file for part in installed))


def _type_name(kind: type[BaseException]) -> str:
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", "__main__") else f"{module}.{kind.__qualname__}"


def _own_text(error: BaseException) -> str:
    """Return a text as a command line would show it: click names the option, and a child process may have said why."""
    if any(kind.__name__ == "ClickException" for kind in type(error).__mro__):
        return str(getattr(error, "format_message", error.__str__)())
    printed = getattr(error, "stderr", None) if type(error).__module__ == "subprocess" else None
    text = printed.decode("utf-8", "replace") if isinstance(printed, bytes) else str(printed or "")
    last = next((line for line in reversed(text.split("\n")) if line.strip()), "")
    return f"{error} It printed: {last}" if last else str(error)


def _message(error: BaseException) -> str:
    try:
        text = "\n".join([_own_text(error), *map(str, getattr(error, "__notes__", ()))]).replace("\t", " ")
    except Exception:  # a __str__ of the script may raise anything
        return "<no message: its __str__ failed>"
    # The last line of a traceback of another process is at the end of the message.
    half = _MESSAGE_CHARACTERS // 2
    return text if len(text) <= _MESSAGE_CHARACTERS else f"{text[:half]}…{text[1 - half :]}"
