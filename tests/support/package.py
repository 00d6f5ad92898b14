"""The files of the package, each parsed once: many tests search all of them."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import tsdia_run

PACKAGE = Path(tsdia_run.__file__).parent


@functools.cache
def modules() -> dict[str, Path]:
    """Return the file of each module by its path in the package, without the suffix."""
    return {path.relative_to(PACKAGE).with_suffix("").as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file; it must not be changed."""
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return every node of the syntax tree of a file."""
    return tuple(ast.walk(parsed(path)))
