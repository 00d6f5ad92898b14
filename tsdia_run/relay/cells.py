"""Split text into the cells that it takes on a screen (pure).

A cell is a string: a character with its combining characters, or empty for the right half of a wide character.
"""

from __future__ import annotations

import functools
import re

# Blocks with wide or zero-width characters. Only text with one of these is processed character by character.
_UNEVEN = (
    "[\u0300-\u036f\u0483-\u0489\u0591-\u074a\u07a6-\u0e4e\u0e50-\u11ff\u1300-\u1dff\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u20d0-\u20ff\u2300-\u23ff\u25fd\u25fe\u2600-\u27ff\u2900-\ufffc\ufffe\uffff\U00010000-\U0010ffff]"
)
TAB_CELLS = 8
# More columns than any line has: the width of output that goes to no terminal.
WIDEST = 1 << 30
# Further combining characters are dropped, as terminals do: a cell must not grow without limit.
_LONGEST_CELL = 32


def is_even(text: str) -> bool:
    """Whether each character takes one cell."""
    return text.isascii() or not _uneven().search(text)


@functools.cache
def _uneven() -> re.Pattern[str]:
    return re.compile(_UNEVEN)  # takes 7 ms, which a run without a progress bar does not need


def width(char: str) -> int:
    """Return how many cells a character takes: 0, 1 or 2."""
    if char < "\u0300":
        return 1
    # Imported late: most output never needs the tables.
    import unicodedata

    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def put(cells: list[str], column: int, text: str, columns: int = WIDEST) -> tuple[int, int]:
    """Write text over cells, as a terminal does, up to its right edge.

    Args:
        cells: The row; changed in place.
        column: The start column; may be beyond the end of the row. ``columns`` means that the row is full.
        text: Characters and tabs.
        columns: The number of columns of the terminal.

    Returns:
        The column after the text, and how many characters fit.
    """
    is_simple = "\t" not in text and is_even(text)
    if is_simple and column >= columns:
        return column, 0
    if len(cells) < column:
        cells.extend(" " * (column - len(cells)))
    if is_simple:
        used = min(len(text), columns - column)
        _unpair(cells, column, column + used)
        cells[column : column + used] = text[:used]
        return column + used, used
    for used, char in enumerate(text):
        after = _put_char(cells, column, char, columns)
        if after is None:
            return column, used
        column = after
    return column, len(text)


def laid_out(text: str, columns: int) -> list[list[str]]:
    """Return the cells of a line in rows of at most ``columns`` cells."""
    rows: list[list[str]] = [[]]
    while True:
        _, used = put(rows[-1], 0, text, columns)
        text = text[used:]
        if not text:
            return rows
        rows.append([])


def blank(cells: list[str], start: int, end: int) -> None:
    """Erase the cells from ``start`` up to ``end``."""
    end = min(end, len(cells))
    if start < end:
        _unpair(cells, start, end)
        cells[start:end] = " " * (end - start)


def count(text: str) -> int:
    """Return how many cells a line takes."""
    return len(text) if "\t" not in text and is_even(text) else len(laid_out(text, WIDEST)[0])


def _put_char(cells: list[str], column: int, char: str, columns: int) -> int | None:
    """Return the column after the character; None if it does not fit in the row."""
    if char == "\t":
        column = min(column + TAB_CELLS - column % TAB_CELLS, columns - 1)
        if len(cells) < column:
            cells.extend(" " * (column - len(cells)))
        return column
    needed = width(char)
    if needed == 0 and column > 0:
        at = column - 1
        at -= not cells[at] and at > 0
        if len(cells[at]) < _LONGEST_CELL:
            cells[at] += char
        return column
    needed = max(needed, 1)
    if column + needed > columns:
        return None
    _unpair(cells, column, column + needed)
    cells[column : column + needed] = [char, ""][:needed]
    return column + needed


def _unpair(cells: list[str], start: int, end: int) -> None:
    """Replace the other half of a wide character with a space if one half is overwritten."""
    if start < len(cells) and not cells[start] and start:
        cells[start - 1] = cells[start] = " "
    if end < len(cells) and not cells[end]:
        cells[end] = " "
