"""Write metrics.jsonl; rundir/metrics.py describes the format.

Each call is one write, so that the file has every finished call, however the process ends.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tsdia_run.files.opening import open_to_append
from tsdia_run.rundir.metrics import ATTEMPT, OWN_KEYS, STEP, TIME, as_text
from tsdia_run.text import visible

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_PLAIN = (int, float)
_PLAIN_TYPES = frozenset(_PLAIN)
_OWN = frozenset(OWN_KEYS)


class MetricsFile:
    """The file, which stays open until the process ends.

    Args:
        path: metrics.jsonl.
        attempt: The attempt's number.
    """

    def __init__(self, path: Path, attempt: int) -> None:
        self._path = path
        self._attempt = attempt
        self._fd = -1
        self._is_line_open = False
        # The names that are written as they are: looking at each character would take a microsecond for 20 names.
        self._printable: set[str] = set()

    def append(self, numbers: Mapping[str, float], step: int | None) -> Mapping[str, Any]:
        """Write one line, and return its values before they are escaped for JSON.

        Raises:
            OSError: The file can't be written.
        """
        record: dict[str, Any] = {STEP: step, TIME: round(time.time(), 3), ATTEMPT: self._attempt}
        record.update(numbers)
        given, line = record, _encode(record)
        if not self._printable.issuperset(numbers):
            record = {visible(str(name)): value for name, value in record.items()}
            line = _encode(record)
            self._printable.update(given.keys() & record.keys())
        if "NaN" in line or "Infinity" in line:  # JSON has no such numbers
            line = _encode({name: _json_number(value) for name, value in record.items()})
        self._write(line.encode("utf-8", "backslashreplace") + b"\n")
        return given

    def _write(self, data: bytes) -> None:
        if self._fd < 0:
            self._open()
        if self._is_line_open:
            data = b"\n" + data
        self._is_line_open = True
        self._is_line_open = os.write(self._fd, data) != len(data)

    def _open(self) -> None:
        self._fd = open_to_append(self._path)
        size = os.fstat(self._fd).st_size
        self._is_line_open = size > 0 and os.pread(self._fd, 1, size - 1) != b"\n"


def are_plain(values: Mapping[str, Any]) -> bool:
    """Return whether all values are numbers of Python under names that need no change."""
    # Set operations, because this runs in each training step: they save 2 microseconds for 20 values.
    return _PLAIN_TYPES.issuperset(map(type, values.values())) and _OWN.isdisjoint(values)


def numbers_in(values: Mapping[Any, Any], separator: str, lead: str = "") -> Iterator[tuple[str, Any, float | None]]:
    """Yield the name, the value and the number of each value.

    Args:
        values: What the script logs: numbers, arrays and tensors, nested mappings, and any other value, which has no
            number.
        separator: What joins the names of a nested mapping.
        lead: The prefix of the names.
    """
    for key, value in values.items():
        name = f"{lead}{key}"
        if isinstance(value, Mapping):
            yield from numbers_in(value, separator, f"{name}{separator}")
        else:
            yield f"logged/{name}" if name in _OWN else name, value, number_of(value)


def number_of(value: Any) -> float | None:
    """Return a number, or that of a tensor or array with one element; None for any other value."""
    if isinstance(value, _PLAIN):
        return value
    size = getattr(value, "numel", None) or getattr(value, "size", None)  # a tensor's, an array's
    item = getattr(value, "item", None)
    if item is None or (size() if callable(size) else size) != 1:
        return None
    number = item()
    return number if isinstance(number, _PLAIN) else None


def _json_number(value: Any) -> Any:
    return as_text(value) if isinstance(value, float) and not math.isfinite(value) else value
