"""Read a log from a position to its current end, and continue there on the next call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tsdia_run.files.opening import open_regular
from tsdia_run.report.logs.parts import LogParts, Position, text_of

_CHUNK_BYTES = 1024 * 1024
_MAX_CUT_BYTES = 4096


class Reader:
    """A reader that follows a log while the log grows, rotates and is compressed.

    Args:
        live: The live file of the log.
        start: The first position to read.
    """

    def __init__(self, live: Path, start: Position | None = None) -> None:
        start = start or Position()
        self._parts = LogParts(live)
        self._part, self._offset = start.part, start.offset
        self._has_reported_error = False

    def read(self) -> Iterator[bytes]:
        """Yield everything that was added since the last call, in chunks."""
        while True:
            numbers = self._parts.numbers()
            if self._part in numbers:
                yield from self._rotated()
            elif any(number > self._part for number in numbers):
                yield from self._left_out(min(number for number in numbers if number > self._part))
            else:
                try:
                    file = open_regular(self._parts.live, follows_links=False)
                except FileNotFoundError:
                    return
                except OSError as error:
                    if not self._has_reported_error:
                        self._has_reported_error = True
                        yield _error_line(self._parts.live, error)
                    return
                with file:
                    # If the file was rotated before it was opened, another part is the live file now.
                    if self._part not in self._parts.numbers():
                        yield from self._live(file.fileno())
                        return

    def _rotated(self) -> Iterator[bytes]:
        path = self._parts.rotated(self._part)
        try:
            for chunk in text_of(path, self._offset):
                self._offset += len(chunk)
                yield chunk
        except FileNotFoundError:
            pass  # removed in the meantime, to limit the size of the log
        except OSError as error:
            yield _error_line(path, error)
        self._part, self._offset = self._part + 1, 0

    def _left_out(self, following: int) -> Iterator[bytes]:
        if self._part > 1:
            with suppress(OSError):
                with open_regular(self._parts.cut, follows_links=False) as file:
                    text = file.read(_MAX_CUT_BYTES)
                yield text
        self._part, self._offset = following, 0

    def _live(self, fd: int) -> Iterator[bytes]:
        if os.fstat(fd).st_size < self._offset:  # the file was deleted and created again
            self._offset = 0
        while chunk := os.pread(fd, _CHUNK_BYTES, self._offset):
            self._offset += len(chunk)
            yield chunk


def _error_line(path: Path, error: OSError) -> bytes:
    return f"[tsdia-run: {path.name} can't be read: {error.strerror}]\n".encode()
