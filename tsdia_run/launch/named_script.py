"""Recognise a script that is named in place of a config, and find what starts it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tsdia_run import config
from tsdia_run.errors.typed import NotebookNamed, NotExecutable, NotStartable
from tsdia_run.files.opening import open_regular

_PYTHON_SUFFIXES = (".py", ".pyw")
_SHELL_SUFFIXES = (".sh", ".bash", ".zsh", ".ksh", ".fish")
_NOTEBOOK = ".ipynb"
_MAIN = "__main__.py"
_HEADER_BYTES = 200


@dataclass(frozen=True)
class NamedScript:
    """A script that is named in place of a config.

    Attributes:
        entrypoint: The setting ``entrypoint`` for it.
        name: The name of its runs.
        is_program: Whether it is an executable and not a Python script.
    """

    entrypoint: str
    name: str
    is_program: bool = False


def is_script(word: str, cwd: Path) -> bool:
    """Return whether a path names a script, a program or a directory with ``__main__.py``, and not a config.

    On some file systems every file is executable, so the suffix and the first bytes decide.

    Args:
        word: The path.
        cwd: The base of a relative path.
    """
    path = cwd / os.path.expanduser(word)
    suffix = path.suffix.lower()
    if suffix in config.SUFFIXES:
        return False
    if suffix in (*_PYTHON_SUFFIXES, _NOTEBOOK):
        return True
    if os.path.isdir(path):
        return os.path.isfile(path / _MAIN)
    return os.path.isfile(path) and (suffix in _SHELL_SUFFIXES or _is_program(_header(path)))


def named(word: str, cwd: Path) -> NamedScript:
    """Return the script that a path names.

    Raises:
        UsageError: It is a notebook, or it can't be executed.
    """
    path = cwd / os.path.expanduser(word)
    if os.path.isdir(path):
        return NamedScript(os.path.join(word, _MAIN), os.path.basename(os.path.abspath(path)))
    refuse_unstartable(word, path)
    return NamedScript(word, path.stem, is_executable(path))


def is_executable(path: Path) -> bool:
    """Return whether a file is a program and not a Python script; a text needs a ``#!`` line, whatever its mode."""
    if path.suffix.lower() in _PYTHON_SUFFIXES or not os.access(path, os.X_OK):
        return False
    is_text = os.access(path, os.R_OK) and b"\0" not in _header(path)
    return not is_text or _is_program(_header(path))


def refuse_unstartable(word: str, path: Path) -> None:
    """Refuse a notebook, and a shell script that can't be executed: Python would read them as Python.

    Raises:
        UsageError: It is one of them.
    """
    suffix = path.suffix.lower()
    if suffix == _NOTEBOOK:
        raise NotebookNamed(word)
    header = b"" if suffix in _PYTHON_SUFFIXES else _header(path)
    names_other = header.startswith(b"#!") and b"python" not in header.splitlines()[0]
    if not os.path.isfile(path) or not (suffix in _SHELL_SUFFIXES or names_other):
        return
    if not os.access(path, os.X_OK):
        raise NotExecutable(word)
    if not header.startswith(b"#!"):
        raise NotStartable(word)


def _is_program(header: bytes) -> bool:
    return header.startswith((b"#!", b"\x7fELF"))


def _header(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(_HEADER_BYTES)
    except OSError:
        return b""
