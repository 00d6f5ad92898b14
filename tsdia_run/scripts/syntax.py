"""Read the source of a script or of a module; nothing is imported or run."""

from __future__ import annotations

import ast
import bisect
import gc
import os
import warnings
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from tsdia_run.files.fields import read_bounded

# Python parses about 10 MB per second.
MAX_BYTES = 512 * 1024


class PythonFile:
    """A Python file.

    Attributes:
        path: Its path.
        shown: The path in messages.
        text: Its text.
        tree: Its syntax tree.
    """

    def __init__(self, path: Path, shown: str, text: str, tree: ast.Module) -> None:
        self.path = path
        self.shown = shown
        self.text = text
        self.tree = tree

    @cached_property
    def _starts(self) -> list[int]:
        """Where the lines start, and where the last one ends."""
        return list(accumulate((len(line) + 1 for line in self.text.split("\n")), initial=0))

    def line_at(self, index: int) -> int:
        """Return the number of the line at an index of the text, from 1."""
        return bisect.bisect_right(self._starts, index)

    def start_of(self, node: ast.AST) -> int:
        """Return the index at which the lines of a statement start, with its decorators."""
        return self._starts[first_line(node) - 1]

    def lines_of(self, node: ast.stmt) -> str:
        """Return the lines of a statement."""
        return self.text[self.start_of(node) : self._starts[node.end_lineno or node.lineno]]


def first_line(node: ast.AST) -> int:
    """Return the first line of a statement or expression, with its decorators."""
    lines = [int(decorator.lineno) for decorator in getattr(node, "decorator_list", ())]
    return min([int(getattr(node, "lineno", 1)), *lines])


def entry_file(entrypoint: str, module: str | None, cwd: Path) -> Path | None:
    """Return the file of a script, or of a module in the working directory; None if there is none."""
    if module is None:
        path = cwd / os.path.expanduser(entrypoint)
        return path if path.is_file() else None
    place = cwd.joinpath(*module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__main__.py") if path.is_file()), None)


def read(path: Path, cwd: Path) -> PythonFile | None:
    """Return a Python file; None if it can't be read, is not Python, or is too large or too deeply nested to parse."""
    try:
        data = read_bounded(path, MAX_BYTES)
        tree = parsed(data)
        relative = os.path.relpath(path, cwd)
    except (OSError, ValueError):
        return None
    if tree is None:
        return None
    shown = str(path) if relative.startswith("..") else relative
    return PythonFile(path, shown, data.decode("utf-8", "replace"), tree)


def parsed(data: bytes) -> ast.Module | None:
    """Return the syntax tree of a source; None if it is not Python or is too deeply nested."""
    collects = gc.isenabled()
    gc.disable()  # a third of the time would go into looking for garbage among the new nodes
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an invalid escape in the user's script
            return ast.parse(data)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    finally:
        if collects:
            gc.enable()


def last_name(node: ast.AST) -> str:
    """Return the last part of a dotted name; empty for any other expression."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def first_name(node: ast.AST) -> str:
    """Return the first part of a dotted name; empty for any other expression."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def constant(node: ast.AST | None) -> object:
    """Return the value of a constant; None for any other expression."""
    return node.value if isinstance(node, ast.Constant) else None


def texts(nodes: list[ast.expr]) -> list[str]:
    """Return the strings among expressions."""
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def keywords(call: ast.Call) -> dict[str, ast.expr]:
    """Return the keyword arguments of a call."""
    return {word.arg: word.value for word in call.keywords if word.arg}
