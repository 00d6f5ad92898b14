"""Find a line of metrics.jsonl, from the end of the file."""

from __future__ import annotations

import os
from collections.abc import Set
from pathlib import Path

from tsdia_run.files.opening import open_regular
from tsdia_run.rundir.metrics import parse

_BLOCK_BYTES = 64 * 1024


def last_step(path: Path, names: Set[str] | None, until_s: float) -> int | None:
    """Return the step of the last line that was logged until a time; None without such a line.

    Args:
        path: metrics.jsonl, which is read from its end.
        names: The metrics, one of which the line has; None for any metric.
        until_s: Seconds since the epoch.

    Raises:
        OSError: The file can't be read.
    """
    with open_regular(path) as file:
        end, rest = file.seek(0, os.SEEK_END), b""
        while end > 0:
            begin = max(0, end - _BLOCK_BYTES)
            file.seek(begin)
            rest, *whole = (file.read(end - begin) + rest).split(b"\n")
            end = begin
            for data in reversed(whole if begin else [rest, *whole]):
                line = parse(data)
                if line is None or line.step is None or line.time > until_s + 0.001:  # the file has milliseconds
                    continue
                if names is None or not names.isdisjoint(line.values):
                    return line.step
    return None
