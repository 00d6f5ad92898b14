"""Split lines into the rows of a terminal, and join them again, with a cursor (pure)."""

from __future__ import annotations

from tsdia_run.relay.row import ScreenRow

# The cursor is after the last byte of a row that is still raw.
END = -1


def split(rows: list[ScreenRow], at: int, column: int, columns: int) -> tuple[list[ScreenRow], int, int]:
    """Split blocks into lines, and lines into rows of a terminal.

    Args:
        rows: The rows from the top; a row above the cursor may be a block of plain lines.
        at: Index of the row with the cursor.
        column: The cursor's column in this row, or END.
        columns: The number of columns of the terminal.

    Returns:
        The new rows, and the cursor's row and column there.
    """
    above = [part for block in rows[:at] for line in block.split() for part in line.wrapped(columns)]
    parts = rows[at].wrapped(columns)
    below = [part for line in rows[at + 1 :] for part in line.wrapped(columns)]
    at = len(above)
    for part in parts[:-1]:
        if column != END:
            if column <= columns:
                break
            column -= part.end()
        at += 1
    return [*above, *parts, *below], at, column


def join(rows: list[ScreenRow], at: int, column: int) -> tuple[list[ScreenRow], int, int]:
    """Join the rows of each line.

    Args:
        rows: The rows of the terminal from the top.
        at: Index of the row with the cursor.
        column: The cursor's column in this row, in cells.

    Returns:
        The lines, and the cursor's line and column there.
    """
    line = rows[at].line()
    column += sum(part.end() for part in line[: line.index(rows[at])])
    lines = [row for row in rows if row.previous is None]
    for first in lines:
        first.join()
    return lines, lines.index(line[0]), column
