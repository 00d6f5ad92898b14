"""The other exceptions that a traceback shows: the first of a chain, the members of a group."""

from __future__ import annotations

# A chain or a group of a script may be endless.
_MOST = 1_000
# A SystemExit and the exception before it.
_EXIT = 2

# What gloo, NCCL, its variants and torch's store report when another rank has ended or does not answer.
_OF_OTHER_RANKS = (
    "connection reset",
    "connection closed",
    "connection aborted",
    "connection refused",
    "connection was closed",
    "connection was reset",
    "closed by peer",
    "reset by peer",
    "broken pipe",
    "socket closed",
    "remote process",
    "application timeout caused pair closure",
    "collective operation timeout",
    "watchdog",
    "timed out waiting",
    "wait timeout",
    "monitoredbarrier",
    "heartbeat monitor",
    "tcpstore",
    "distbackenderror",
    "distnetworkerror",
    "diststoreerror",
    "gloo",
    "nccl",
    "rccl",
    "hccl",
)


def origin(error: BaseException) -> tuple[BaseException, str] | None:
    """Return the first exception of a chain, which Python prints first; before ``sys.exit``, the one that was handled.

    Returns:
        The exception, and its relation to ``error``: ``cause`` if all of the chain is by ``raise ... from``, otherwise
        ``context``. None if no exception came before ``error``.
    """
    relation, first, seen = "cause", error, {id(error)}
    while len(seen) < (_EXIT if isinstance(error, SystemExit) else _MOST):
        before = first.__cause__
        if before is None and not first.__suppress_context__:
            before = first.__context__
            relation = relation if before is None else "context"
        if before is None or id(before) in seen:
            break
        first = before
        seen.add(id(first))
    return None if first is error else (first, relation)


def members(error: BaseException) -> list[BaseException]:
    """Return the exceptions in a group that are no groups themselves, in order; empty for any other exception."""
    found: list[BaseException] = []
    waiting = list(_inside(error))
    while waiting and len(found) < _MOST:
        one = waiting.pop(0)
        inner = _inside(one)
        if inner:
            waiting[:0] = inner
        else:
            found.append(one)
    return found


def _inside(error: BaseException) -> tuple[BaseException, ...]:
    inside = getattr(error, "exceptions", None)  # also of the package exceptiongroup, for Python 3.10
    is_group = any(kind.__name__ == "BaseExceptionGroup" for kind in type(error).__mro__)
    return tuple(inside) if is_group and isinstance(inside, (tuple, list)) else ()


def is_consequence(error: BaseException) -> bool:
    """Return whether an exception says that another rank has ended or does not answer."""
    try:
        text = f"{type(error).__name__}: {error}".lower()
    except Exception:  # a __str__ of the script may raise anything
        return False
    if isinstance(error, OSError) and error.filename is not None:  # of a file system, such as FUSE
        return False
    return isinstance(error, ConnectionError) or any(words in text for words in _OF_OTHER_RANKS)
