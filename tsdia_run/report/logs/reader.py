"""Reads a log from a position to its present end, and on from there when called again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tsdia_run.report.logs.parts import Parts, Position, text_of

_CHUNK_BYTES = 1024 * 1024


class Reader:
    """A place in a log that moves on while the log grows, rotates and is compressed.

    Args:
        live: The live file of the log.
        start: Where to begin.
    """

    def __init__(self, live: Path, start: Position | None = None) -> None:
        start = start or Position()
        self._parts = Parts(live)
        self._part, self._offset = start.part, start.offset

    def read(self) -> Iterator[bytes]:
        """Everything that has been added, in chunks."""
        while True:
            numbers = self._parts.numbers()
            if self._part in numbers:
                yield from self._rotated()
            elif any(number > self._part for number in numbers):
                yield from self._left_out(min(number for number in numbers if number > self._part))
            else:
                try:
                    fd = os.open(self._parts.live, os.O_RDONLY | os.O_CLOEXEC)
                except OSError:
                    return
                try:
                    # If it was rotated before we opened it, another part is the live file now.
                    if self._part not in self._parts.numbers():
                        yield from self._live(fd)
                        return
                finally:
                    os.close(fd)

    def _rotated(self) -> Iterator[bytes]:
        path = self._parts.rotated(self._part)
        try:
            for chunk in text_of(path, self._offset):
                self._offset += len(chunk)
                yield chunk
        except FileNotFoundError:
            pass  # left out meanwhile, to keep to a bound
        except OSError as error:
            yield f"[tsdia-run: {path.name} can't be read: {error.strerror}]\n".encode()
        self._part, self._offset = self._part + 1, 0

    def _left_out(self, following: int) -> Iterator[bytes]:
        if self._part > 1:
            with suppress(OSError):
                yield self._parts.cut.read_bytes()
        self._part, self._offset = following, 0

    def _live(self, fd: int) -> Iterator[bytes]:
        if os.fstat(fd).st_size < self._offset:  # it was deleted, and begins anew
            self._offset = 0
        while chunk := os.pread(fd, _CHUNK_BYTES, self._offset):
            self._offset += len(chunk)
            yield chunk
