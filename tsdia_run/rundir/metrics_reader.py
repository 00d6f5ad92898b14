"""Read metrics.jsonl in blocks; a long file by several processes at once."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from tsdia_run.files.opening import open_regular
from tsdia_run.rundir.metrics_block import Block, parse_blocks

_READ_BYTES = 8 * 1024 * 1024
# A line of this length means that the file is damaged.
_MAX_LINE_BYTES = 1024 * 1024
# What is parsed at once takes about its own size in memory. Less than the lower limit is not worth a process.
_SHARE_BYTES = 32 * 1024 * 1024
_MIN_SHARE_BYTES = 4 * 1024 * 1024
_MAX_PROCESSES = 4
_LESS = 0.15


def read_blocks(path: Path, offset: int = 0, limit_bytes: int | None = None) -> Iterator[tuple[list[Block], int]]:
    """Yield the complete lines from an offset on as blocks, each list with the offset after it.

    Args:
        path: metrics.jsonl.
        offset: Where a line begins.
        limit_bytes: About how much to read at once; None for a good size, with other processes where they help.

    Raises:
        OSError: The file can't be read.
    """
    if limit_bytes is None:
        while (share := _share(path.stat().st_size - offset)) is not None:
            for blocks, after in _read_shares(path, offset, *share):
                yield blocks, after
                offset = after
    yield from _read(path, offset, None, limit_bytes or _READ_BYTES)


def _read(path: Path, offset: int, end: int | None, size: int) -> Iterator[tuple[list[Block], int]]:
    """Yield the lines that begin before ``end``; None for no end."""
    with open_regular(path) as file:
        file.seek(offset)
        while end is None or offset < end:
            data = file.read(size if end is None else min(size, end - offset))
            if not data.endswith(b"\n"):
                data += file.readline(_MAX_LINE_BYTES)
            if not data.endswith(b"\n") and len(data) < _MAX_LINE_BYTES + size:
                data = data[: data.rfind(b"\n") + 1]  # the last line is being written, or it is incomplete
            if not data:
                return
            offset += len(data)
            yield parse_blocks(data), offset


def _share(unread: int) -> tuple[int, int] | None:
    """Return the number of processes and how much each one reads; None if one process is as good."""
    processes = min(len(os.sched_getaffinity(0)), _MAX_PROCESSES)
    # A process that has other threads may only be forked to start another program.
    if processes < 2 or unread < processes * _MIN_SHARE_BYTES or len(os.listdir("/proc/self/task")) > 1:
        return None
    return processes, min(unread // processes, _SHARE_BYTES)


def _read_shares(path: Path, offset: int, processes: int, size: int) -> Iterator[tuple[list[Block], int]]:
    # This process reads less, since it also adds up what the others read.
    ends = (offset + int((number - _LESS) * size) for number in range(1, processes + 1))
    starts = [offset, *(_next_line(path, end) for end in ends)]
    shares = list(pairwise(starts))
    others = [_start(path, *share) for share in shares[1:]]
    try:
        yield from _read(path, *shares[0], _READ_BYTES)
        for (start, end), other in zip(shares[1:], others, strict=True):
            blocks = _blocks_of(other)
            if blocks is None:  # it was killed
                yield from _read(path, start, end, _READ_BYTES)
            else:
                yield blocks, end
    finally:
        for pid, result in others:
            os.close(result)
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _next_line(path: Path, offset: int) -> int:
    """Return where the next line begins."""
    with open_regular(path) as file:
        file.seek(offset)
        return offset + len(file.readline(_MAX_LINE_BYTES))


def _start(path: Path, start: int, end: int) -> tuple[int, int]:
    """Start a process that parses a part of the file; return its id and the pipe that brings the result."""
    result, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, result
    try:
        with os.fdopen(writing, "wb") as file:
            found = [block for blocks, _ in _read(path, start, end, _READ_BYTES) for block in blocks]
            pickle.dump(found, file, pickle.HIGHEST_PROTOCOL)
        os._exit(0)
    finally:
        os._exit(1)


def _blocks_of(other: tuple[int, int]) -> list[Block] | None:
    with os.fdopen(other[1], "rb", closefd=False) as file:
        data = file.read()
    try:
        found: list[Block] = pickle.loads(data)
    except (pickle.UnpicklingError, EOFError):
        return None
    return found
