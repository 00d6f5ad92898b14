"""Generate the list of files in docs/architecture.md from their docstrings: ``make docs``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import tsdia_run

PAGE = Path(__file__).with_name("architecture.md")
PACKAGE = Path(tsdia_run.__file__).parent
_HEAD = "Made by `make docs` from the first line of each file.\n"


def text() -> str:
    """Return the page with a new list of files."""
    before, _, _ = PAGE.read_text(encoding="utf-8").partition(_HEAD)
    return before + _HEAD + "\n" + "\n".join(_lines(PACKAGE, "")) + "\n"


def _lines(folder: Path, indent: str) -> Iterator[str]:
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.is_dir() and (path / "__init__.py").exists():
            yield f"{indent}- `{path.name}/`: {_about(path / '__init__.py')}"
            yield from _lines(path, f"{indent}  ")
        elif path.suffix == ".py" and path.name != "__init__.py":
            yield f"{indent}- `{path.name}`: {_about(path)}"


def _about(path: Path) -> str:
    """Return the first paragraph of a file's docstring on one line."""
    found = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(found.partition("\n\n")[0].split()).replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
