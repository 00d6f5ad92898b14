"""Read the tables of the documentation, for tests that compare behaviour with them."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def rows(document: str, *columns: str) -> list[tuple[str, ...]]:
    """Return the cells of every table of a document that has these columns."""
    found: list[tuple[str, ...]] = []
    is_inside = False
    for line in (DOCS / document).read_text(encoding="utf-8").splitlines():
        cells = tuple(cell.strip() for cell in line.strip("|").split("|")) if line.startswith("|") else ()
        if cells == columns:
            is_inside = True
        elif not cells:
            is_inside = False
        elif is_inside and not set(line) <= set("|- "):
            found.append(cells)
    assert found, f"{document} has no table with the columns {columns}"
    return found
