"""Find the statements that a script can run: its own, and the definitions of project modules that it uses."""

from __future__ import annotations

import ast
import bisect
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tsdia_run.scripts.syntax import PythonFile, first_line, read

_MAX_DEPTH = 2
_MAX_FILES = 12
_MAX_TOTAL_BYTES = 128 * 1024
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Part:
    """Statements of a file.

    Attributes:
        source: The file.
        body: The statements.
    """

    source: PythonFile
    body: tuple[ast.stmt, ...]

    @cached_property
    def text(self) -> str:
        """The lines of one statement, or the whole file."""
        return self.source.lines_of(self.body[0]) if len(self.body) == 1 else self.source.text

    def line_at(self, index: int) -> int:
        """Return the line of the file at an index of ``text``."""
        start = self.source.start_of(self.body[0]) if len(self.body) == 1 else 0
        return self.source.line_at(start + index)

    def holding(self, *words: str) -> Iterator[tuple[ast.stmt, ast.stmt | None]]:
        """Yield the statements that contain one of the words, and the function around each, in order.

        A compound statement is yielded if a word is in its first lines, before the statements inside it.
        """
        lines = sorted({self.line_at(index) for word in words for index in _indices(self.text, word)})
        waiting: list[tuple[ast.AST, ast.stmt | None]] = [(node, None) for node in reversed(self.body)] if lines else []
        while waiting:
            node, function = waiting.pop()
            first, last = first_line(node), int(getattr(node, "end_lineno", None) or lines[-1])
            if not _has_between(lines, first, last):
                continue
            inner = [child for block in _BLOCKS for child in getattr(node, block, ())]
            if isinstance(node, ast.stmt) and _has_between(lines, first, _head_end(node, first, last)):
                yield node, function
            around = node if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else function
            waiting.extend((child, around) for child in reversed(inner))


_BLOCKS = ("body", "handlers", "cases", "orelse", "finalbody")


def _head_end(node: ast.stmt, first: int, last: int) -> int:
    body = getattr(node, "body", None)
    return max(first, first_line(body[0]) - 1) if body else last


def _has_between(lines: list[int], first: int, last: int) -> bool:
    return bisect.bisect_left(lines, first) < bisect.bisect_right(lines, last)


def _indices(text: str, word: str) -> Iterator[int]:
    index = text.find(word)
    while index >= 0:
        yield index
        index = text.find(word, index + len(word))


@dataclass(frozen=True)
class _Import:
    """A name that a file imports.

    Attributes:
        module: The dotted module; empty for `from . import name`.
        level: The number of dots before it.
        name: The imported name; None if the module itself is imported.
    """

    module: str
    level: int
    name: str | None


@dataclass(frozen=True)
class _File:
    """A file with what it defines and imports.

    Attributes:
        source: The file.
    """

    source: PythonFile

    @cached_property
    def imports(self) -> dict[str, list[_Import]]:
        """The imported names, by their names in the file."""
        found: dict[str, list[_Import]] = {}
        for node in self._imports():
            if isinstance(node, ast.Import):
                for alias in node.names:
                    # `import a.b` binds `a`; its attribute `b` is a module.
                    local = alias.asname or alias.name
                    found.setdefault(local, []).append(_Import(alias.name, 0, None))
            else:
                for alias in node.names:
                    one = _Import(node.module or "", node.level, alias.name)
                    found.setdefault(alias.asname or alias.name, []).append(one)
        return found

    def _imports(self) -> Iterator[ast.Import | ast.ImportFrom]:
        for node, _ in Part(self.source, tuple(self.source.tree.body)).holding("import "):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                yield node

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        """The functions and classes at the top level."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        return {node.name: node for node in self.source.tree.body if isinstance(node, kinds)}

    @cached_property
    def variables(self) -> set[str]:
        """The variables at the top level."""
        found = set()
        for node in self.top_level:
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
        return found

    @cached_property
    def top_level(self) -> tuple[ast.stmt, ...]:
        """The statements that an import of the file runs."""
        defined = tuple(self.definitions.values())
        return tuple(node for node in self.source.tree.body if node not in defined and not _is_main_block(node))


def reachable(script: PythonFile, cwd: Path) -> list[Part]:
    """Return the statements of a script, and those of the project modules that it uses, two imports deep at most.

    A project module is below the script's directory or the working directory.

    Args:
        script: The script.
        cwd: The working directory.
    """
    search = _Search(script.path.parent, cwd)
    search.follow(Part(script, tuple(script.tree.body)), _File(script), 0)
    return search.parts


class _Search:
    def __init__(self, folder: Path, cwd: Path) -> None:
        self.parts: list[Part] = []
        self._roots = tuple(dict.fromkeys((str(folder), str(cwd))))
        self._tops: dict[str, bool] = {}
        self._cwd = cwd
        self._files: dict[Path, _File | None] = {}
        self._bytes = 0
        self._seen: set[tuple[Path, str]] = set()

    def follow(self, part: Part, file: _File, depth: int) -> None:
        """Add statements, and what they use of project modules."""
        self.parts.append(part)
        if depth == _MAX_DEPTH or not file.imports:
            return
        for local, imports in file.imports.items():
            if local == "*" or local.partition(".")[0] in part.text:
                for one in imports:
                    self._follow_import(one, local, part.text, file, depth)

    def _follow_import(self, one: _Import, local: str, text: str, file: _File, depth: int) -> None:
        if one.name is not None and one.name != "*":
            target = self._module(file.source, one.module, one.level)
            if target is not None and (one.name in target.definitions or one.name in target.variables):
                self._take(target, one.name, depth + 1)
                return
            if target is not None and one.name in target.imports and depth + 1 < _MAX_DEPTH:
                for inner in target.imports[one.name]:  # a package that exports a name of its module
                    self._follow_import(inner, local, text, target, depth + 1)
                return
        inside = one.module if one.name in (None, "*") else f"{one.module}.{one.name}".lstrip(".")
        module = self._module(file.source, inside, one.level)
        if module is None:
            return
        used = _NAME.findall(text) if one.name == "*" else re.findall(rf"\b{re.escape(local)}\.(\w+)", text)
        for name in dict.fromkeys(used):
            if name in module.definitions or name in module.variables:
                self._take(module, name, depth + 1)

    def _take(self, file: _File, name: str, depth: int) -> None:
        """Add a definition of a module, with those of the same module that it uses."""
        waiting = [name]
        while waiting:
            name = waiting.pop()
            if (file.source.path, name) in self._seen:
                continue
            self._seen.add((file.source.path, name))
            defined = file.definitions.get(name)
            part = Part(file.source, file.top_level if defined is None else (defined,))
            self.follow(part, file, depth)
            used = set(_NAME.findall("".join(map(file.source.lines_of, part.body))))
            waiting += [other for other in file.definitions if other in used]
            waiting += [other for other in file.variables if other in used and defined is not None]

    def _module(self, importer: PythonFile, module: str, level: int) -> _File | None:
        """Return a project module; None if it is not in the project, or if enough modules were read."""
        folders = [str(importer.path.parents[level - 1])] if 0 < level <= len(importer.path.parents) else []
        for folder in folders or (self._roots if level == 0 else ()):
            place = os.path.join(folder, *module.split("."))
            if level == 0 and not self._has_top(folder, module.partition(".")[0]):
                continue
            for path in (f"{place}.py", os.path.join(place, "__init__.py")):
                if os.path.isfile(path) and path != str(importer.path):
                    return self._read(Path(path))
        return None

    def _has_top(self, folder: str, name: str) -> bool:
        """Return whether a folder has a module or package; most imports of a script are of other packages."""
        place = os.path.join(folder, name)
        if place not in self._tops:
            self._tops[place] = os.path.isdir(place) or os.path.isfile(f"{place}.py")
        return self._tops[place]

    def _read(self, path: Path) -> _File | None:
        if path not in self._files and len(self._files) < _MAX_FILES:
            size_bytes = os.path.getsize(path)
            if self._bytes + size_bytes > _MAX_TOTAL_BYTES:
                return None
            self._bytes += size_bytes
            source = read(path, self._cwd)
            self._files[path] = _File(source) if source else None
        return self._files.get(path)


def _is_main_block(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.dump(node.test)
