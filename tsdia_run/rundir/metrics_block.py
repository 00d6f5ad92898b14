"""Parse many lines of metrics.jsonl at once, into columns (pure): several times as fast as one line after another."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import le
from typing import Any

from tsdia_run.rundir.metrics import ATTEMPT, STEP, TIME, number, parse

# Objects of a piece of this size stay in the processor's cache.
_PIECE_BYTES = 128 * 1024


@dataclass(frozen=True)
class Group:
    """The lines of a block that log the same names.

    Attributes:
        positions: The lines' places in the block, ascending.
        steps: Their steps; empty if they have none.
        times: Their times, in seconds since the epoch.
        columns: The values by name; each column is as long as ``positions``.
    """

    positions: Sequence[int]
    steps: Sequence[int]
    times: Sequence[float]
    columns: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Block:
    """Consecutive lines of one attempt, which all have a step, or all have none.

    Attributes:
        attempt: The attempt's number.
        steps: The step of each line; empty if the lines have none.
        is_ordered: Whether no line has a lower step than the line before it.
        size: The number of lines.
        groups: The lines by the names that they log, in the order in which the names first appear.
    """

    attempt: int
    steps: Sequence[int]
    is_ordered: bool
    size: int
    groups: tuple[Group, ...]


def parse_blocks(data: bytes) -> list[Block]:
    """Parse complete lines; lines that can't be used are left out.

    Args:
        data: The lines, each with its newline at the end.
    """
    try:
        lines = _Lines()
        for piece in _pieces(data):
            lines.add(_rows(piece))
        return [lines.block()]
    except _MixedError:
        return [_block(part) for piece in _pieces(data) for part in _parts(_rows(piece))]
    except (ValueError, LookupError, TypeError, OverflowError):  # a line in another format
        return [_block(part) for part in _parts(_rows_one_by_one(data))]


class _MixedError(Exception):
    """The lines are of several attempts, or only some have a step."""


def _pieces(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + _PIECE_BYTES) + 1 or data.find(b"\n", start) + 1 or len(data)
        yield data[start:end]
        start = end


def _rows(data: bytes) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = json.loads(b"[%b]" % data.rstrip(b"\n").replace(b"\n", b","))
    except (ValueError, RecursionError):  # an incomplete line
        return _rows_one_by_one(data)
    # Two damaged lines may make one object together.
    if len(rows) != data.count(b"\n") or set(map(type, rows)) != {dict}:
        return _rows_one_by_one(data)
    return rows


def _rows_one_by_one(data: bytes) -> list[dict[str, Any]]:
    lines = [line for line in map(parse, data.split(b"\n")) if line is not None]
    return [{STEP: one.step, TIME: one.time, ATTEMPT: one.attempt, **one.values} for one in lines]


def _parts(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Divide lines where the attempt changes, or where lines with a step follow lines without one."""
    for _, part in groupby(rows, lambda row: (row[ATTEMPT], row[STEP] is None)):
        yield list(part)


def _block(rows: list[dict[str, Any]]) -> Block:
    lines = _Lines()
    lines.add(rows)
    return lines.block()


class _Lines:
    """Collects the lines of a block."""

    def __init__(self) -> None:
        self._steps: list[Any] = []
        # By names: the places of the lines, and all their values, one line after another.
        self._found: dict[tuple[str, ...], tuple[list[int], list[Any]]] = {}

    def add(self, rows: list[dict[str, Any]]) -> None:
        for place, row in enumerate(rows, len(self._steps)):
            names = (*row,)
            try:
                places, values = self._found[names]
            except KeyError:
                places, values = self._found[names] = [], []
            places.append(place)
            values.extend(row.values())
        self._steps += [row[STEP] for row in rows]

    def block(self) -> Block:
        """Make the block.

        Raises:
            _MixedError: The lines don't make one block.
            ValueError, LookupError, TypeError, OverflowError: A line is in another format.
        """
        has_steps = set(map(type, self._steps)) != {type(None)}
        attempts: set[int] = set()
        groups = [_group(names, *found, attempts, has_steps=has_steps) for names, found in self._found.items()]
        if len(attempts) != 1:
            raise _MixedError
        steps = array("q", self._steps) if has_steps else ()
        return Block(attempts.pop(), steps, all(map(le, steps, steps[1:])), len(self._steps), tuple(groups))


def _group(
    names: tuple[str, ...], places: list[int], values: list[Any], attempts: set[int], *, has_steps: bool
) -> Group:
    columns = {name: values[index :: len(names)] for index, name in enumerate(names)}
    steps, times, numbers = columns.pop(STEP), columns.pop(TIME), columns.pop(ATTEMPT)
    kinds = set(map(type, steps))
    if set(map(type, numbers)) != {int} or not kinds <= {int, type(None)}:
        raise TypeError("an attempt or a step is not a number")
    if has_steps != (kinds == {int}):
        raise _MixedError
    attempts.update(numbers)
    floats = {name: _floats(column) for name, column in columns.items()}
    return Group(array("q", places), array("q", steps if has_steps else ()), array("d", times), floats)


def _floats(values: list[object]) -> array[float]:
    try:
        return array("d", values)  # type: ignore[arg-type]
    except TypeError:  # NaN is written as a string
        return array("d", [_float(value) for value in values])


def _float(value: object) -> float:
    found = number(value)
    if found is None:
        raise ValueError("not a number")
    return found
