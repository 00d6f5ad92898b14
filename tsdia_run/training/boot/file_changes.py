"""Find the file changes that Python's audit events announce, and identify the file of a path.

``torch.save`` and safetensors write without an audit event; ``WRITERS`` lists their functions.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # importing typing or collections would delay each start by milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Key = tuple[int, int]

# Functions that write a file without an audit event: module, function, name and position of the path argument.
WRITERS = (("torch.serialization", "save", "f", 1), ("safetensors", "serialize_file", "filename", 1))

MOVED = "moved"


def _renamed(args: tuple[Any, ...]) -> Iterator[tuple[Any, Any, str]]:
    source, target, source_folder, target_folder = args
    yield target, target_folder, "overwritten"
    yield source, source_folder, MOVED


def _removed(args: tuple[Any, ...]) -> Iterator[tuple[Any, Any, str]]:
    yield args[0], args[1] if len(args) > 1 else -1, "removed"


def _truncated(args: tuple[Any, ...]) -> Iterator[tuple[Any, Any, str]]:
    yield args[0], -1, "overwritten"


def changes_by_event() -> dict[str, Callable[[tuple[Any, ...]], Iterator[tuple[Any, Any, str]]]]:
    """Return a function for each event, which yields path, open folder and kind of each change from its arguments.

    https://docs.python.org/3/library/audit_events.html
    """
    return {
        "os.rename": _renamed,
        "os.remove": _removed,
        "os.rmdir": _removed,
        "shutil.rmtree": _removed,
        "os.truncate": _truncated,
    }


def absolute(path: Any, folder: Any) -> Any:
    """Resolve a path that is relative to an open folder."""
    if isinstance(folder, int) and folder >= 0 and not isinstance(path, int):
        return os.path.join(f"/proc/self/fd/{folder}", os.fsdecode(path))
    return path


def file_key(path: str, *, follows: bool = True) -> Key | None:
    """Return the device and inode of a file, the same for all paths to it; None if it does not exist."""
    try:
        found = os.stat(path) if follows else os.lstat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def parents(path: str) -> Iterator[str]:
    """Yield the directories above a path, the nearest first."""
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent


def chain(path: str) -> Iterator[str]:
    """Yield a path and the directories above it."""
    yield path
    yield from parents(path)


def same_folder(one: str, other: str) -> bool:
    """Return whether two paths are in the same directory."""
    return file_key(os.path.dirname(one)) == file_key(os.path.dirname(other))


def name_shape(name: str) -> tuple[str, list[int]]:
    """Return a name with ``#`` for each of its numbers, and the numbers."""
    shape, numbers, digits = "", [], ""
    for letter in f"{name}\0":
        if letter.isdecimal() and letter.isascii():
            digits += letter
            continue
        if digits:
            numbers.append(int(digits[:18]))
            shape, digits = f"{shape}#", ""
        shape += letter
    return shape, numbers
