"""The exit record of a rank: how its script ended.

The rank writes ``attempts/N/exit-rankR.json`` when the main code of its script ends in a way that Python can see:
normally, by ``sys.exit`` or by an exception. A process that ends by a signal or ``os._exit`` writes none. The object
has these keys:

    rank, pid     integers
    ended_at      ISO 8601, UTC
    exit_code     0 to 255; null after a KeyboardInterrupt, because Python then ends by a signal
    signal        2 after a KeyboardInterrupt, otherwise null
    step          the last step that the script passed to Accelerator.log or used in a checkpoint; null if there is none
    exception     null after a normal end and after ``sys.exit(0)``, otherwise an object:
        type      qualified as Python prints it: ValueError, torch.cuda.OutOfMemoryError
        message   at most 2,000 characters, without secrets
        frames    the innermost frames, at most 20; the last one raised it; each has file, line, function, source
        at        the innermost frame in the user's own code: not in the standard library, an installed package or a
                  hook; null if there is none

Until it writes a record, this module imports only modules that Python loads at its start.
"""

from __future__ import annotations

import os

from tsdia_run.training.boot.rank_state import RANK

TYPE_CHECKING = False  # importing typing or collections would delay each start by milliseconds
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType, TracebackType

_MESSAGE_CHARACTERS = 2_000
_SOURCE_CHARACTERS = 200
_FRAMES = 20
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
    return {
        "rank": rank,
        "pid": os.getpid(),
        "ended_at": datetime.now(timezone.utc).isoformat(timespec="microseconds"),
        "exit_code": None if interrupted else exit_code,
        "signal": _SIGINT if interrupted else None,
        "step": RANK.progress.step,
        "exception": _described(error, trace) if error is not None and exit_code != 0 else None,
    }


def _exit_code(error: BaseException | None) -> int:
    """Return the exit code as the system sees it: https://docs.python.org/3/library/sys.html#sys.exit ."""
    code = error.code if isinstance(error, SystemExit) else error
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1


def _described(error: BaseException, trace: TracebackType | None) -> dict[str, object]:
    entries = list(_entries(trace))
    own = [entry for entry in entries if _is_users(entry[0].f_code.co_filename)]
    at = _frame(*own[-1]) if own else None
    if isinstance(error, SyntaxError) and error.filename and _is_users(error.filename):
        at = {"file": error.filename, "line": error.lineno, "function": "", "source": _clean(_short(error.text or ""))}
    return {
        "type": _type_name(type(error)),
        "message": _clean(_message(error)),
        "frames": [_frame(*entry) for entry in entries[-_FRAMES:]],
        "at": at,
    }


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


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # a __str__ of the script may raise anything
        return "<no message: its __str__ failed>"
    return text if len(text) <= _MESSAGE_CHARACTERS else text[: _MESSAGE_CHARACTERS - 1] + "…"
