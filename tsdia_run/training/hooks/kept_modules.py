"""Read the modules that the hooks import later when the hooks are installed: an upgrade may replace the files.

Importing all of them, with the YAML parser, would delay each start by about 100 ms; reading them takes 5 ms.
"""

from __future__ import annotations

import marshal
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import cache_from_source, spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Any

import tsdia_run

_ROOMS = ("checkpoints", "config", "files", "rundir", "training")
# Magic number, flags, time and size of the source: https://peps.python.org/pep-0552/ .
_HEADER_BYTES = 16


class _KeptLoader(SourceFileLoader):
    """Loads a module from the bytes that were read earlier."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, path)
        self._bytecode = _bytecode(path)
        self._source = b"" if self._bytecode else Path(path).read_bytes()

    def get_code(self, fullname: str) -> CodeType | None:
        code: CodeType = marshal.loads(self._bytecode) if self._bytecode else self._compiled()
        return code

    def _compiled(self) -> Any:
        return self.source_to_code(self._source, self.path)


class KeptModules:
    """Finds the modules of tsdia-run as they were when this object was created."""

    def __init__(self) -> None:
        package = Path(tsdia_run.__file__).parent
        paths = [*package.glob("*.py"), *(path for room in _ROOMS for path in (package / room).rglob("*.py"))]
        self._loaders = {}
        for path in paths:
            parts = path.relative_to(package.parent).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if name not in sys.modules:
                self._loaders[name] = _KeptLoader(name, str(path))

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """See https://docs.python.org/3/library/importlib.html#importlib.abc.MetaPathFinder ."""
        loader = self._loaders.get(name)
        if loader is None:
            return None
        return spec_from_file_location(name, loader.path, loader=loader)


def keep() -> None:
    """Read the modules now and import them from these copies; only the first call in a process does this."""
    if not any(isinstance(finder, KeptModules) for finder in sys.meta_path):
        sys.meta_path.insert(0, KeptModules())


def _bytecode(path: str) -> bytes:
    """Return the cached bytecode of a module without its header; empty if it is missing or outdated."""
    source = os.stat(path)
    try:
        data = Path(cache_from_source(path)).read_bytes()
    except (OSError, NotImplementedError):
        return b""
    stamps = (0, int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF)
    expected = b"".join(number.to_bytes(4, "little") for number in stamps)
    return data[_HEADER_BYTES:] if data[4:_HEADER_BYTES] == expected else b""
