"""Find the statements that a script can run: its own, and the definitions of project modules that it uses."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tsdia_run.scripts.syntax import PythonFile, read, statements

_MAX_DEPTH = 2
_MAX_FILES = 20
_MAX_TOTAL_BYTES = 1024 * 1024
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Part:
    """Statements of a file.

    Attributes:
        source: The file.
        body: The statements.
    """

    source: PythonFile
    body: tuple[ast.stmt, ...]

    def text(self) -> str:
        """Return the lines of the statements."""
        return self.source.text if len(self.body) > 1 else "".join(map(self.source.lines_of, self.body))

    def line_of(self, match: re.Match[str]) -> int:
        """Return the line of the file in which a match in ``text`` starts."""
        first = self.source.first_line(self.body[0]) if len(self.body) == 1 else 1
        return first + match.string.count("\n", 0, match.start())

    def statements(self) -> Iterator[ast.stmt]:
        """Yield the statements with those inside them, in order."""
        return statements(list(self.body))


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
        for node in statements(self.source.tree.body):
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
        self._roots = tuple(dict.fromkeys((folder, cwd)))
        self._cwd = cwd
        self._files: dict[Path, _File | None] = {}
        self._bytes = 0
        self._seen: set[tuple[Path, str]] = set()

    def follow(self, part: Part, file: _File, depth: int) -> None:
        """Add statements, and what they use of project modules."""
        self.parts.append(part)
        if depth == _MAX_DEPTH or not file.imports:
            return
        text = part.text()
        words = set(_NAME.findall(text))
        for local, imports in file.imports.items():
            if local.partition(".")[0] not in words and local != "*":
                continue
            for one in imports:
                self._follow_import(one, local, text, file, depth)

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
        roots = [importer.path.parents[level - 1]] if 0 < level <= len(importer.path.parents) else self._roots
        for root in roots if level <= len(importer.path.parents) else ():
            place = root.joinpath(*module.split(".")) if module else root
            for path in (place.with_suffix(".py"), place / "__init__.py"):
                if path.is_file() and path != importer.path:
                    return self._read(path)
        return None

    def _read(self, path: Path) -> _File | None:
        if path not in self._files and len(self._files) < _MAX_FILES and self._bytes < _MAX_TOTAL_BYTES:
            self._bytes += os.path.getsize(path)
            source = read(path, self._cwd)
            self._files[path] = _File(source) if source else None
        return self._files.get(path)


def _is_main_block(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.dump(node.test)
