"""One log through its parts: ``training_X.000001.log.gz``, …, ``training_X.log``.

A part is plain text until it is compressed. A compressed part is a chain of gzip members of about 1 MiB of text, whose
headers have an extra field ``TD`` (RFC 1952, 2.3.1.1) of two little-endian 32-bit numbers: the length of the member in
the file, and of its text. So a reader finds any place by hopping from header to header.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.files.fields import open_regular

_CHUNK_BYTES = 1024 * 1024
_GZIP = b"\x1f\x8b"
# Extra fields, and nothing else, in the header; their length; the field's name; its length; the two numbers.
_HEAD = re.compile(rb"\x1f\x8b\x08\x04.{6}\x0c\x00TD\x08\x00(.{4})(.{4})", re.DOTALL)
_HEAD_BYTES = 24


@dataclass(frozen=True)
class Position:
    """A place in a log.

    Attributes:
        part: Number of the part, from 1; the live file has the number after the last rotated part.
        offset: Bytes of text in front of it in that part.
    """

    part: int = 1
    offset: int = 0


@dataclass(frozen=True)
class Member:
    """A piece of a part.

    Attributes:
        at: Where it begins in the file.
        size: Its length in the file.
        text_bytes: The length of its text.
        text_at: The length of the text in front of it in the part.
    """

    at: int
    size: int
    text_bytes: int
    text_at: int


class LogParts:
    """The files of one log.

    Args:
        live: The live file, ``….log``; it need not exist.
    """

    def __init__(self, live: Path) -> None:
        self.live = live
        self._stem = live.name.removesuffix(".log")
        self._pattern = re.compile(re.escape(self._stem) + r"\.(\d{6,})\.log\.gz")

    def numbers(self) -> list[int]:
        """The rotated parts that there are, the oldest first."""
        try:
            names = os.listdir(self.live.parent)
        except OSError:
            return []
        return sorted(int(found[1]) for found in map(self._pattern.fullmatch, names) if found)

    def live_number(self) -> int:
        """The number that the live file has."""
        return max(self.numbers(), default=0) + 1

    def rotated(self, number: int) -> Path:
        """Where a rotated part is."""
        return self.live.with_name(f"{self._stem}.{number:06d}.log.gz")

    @property
    def cut(self) -> Path:
        """What tells of parts that were left out, in their place."""
        return self.live.with_name(f"{self._stem}.000002.cut.log")

    @property
    def times(self) -> Path:
        """The index of times (times.py)."""
        return self.live.with_name(f".{self._stem}.times")


def text_of(path: Path, offset: int = 0) -> Iterator[bytes]:
    """The text of a part from an offset on, compressed or not, in chunks.

    What is damaged is replaced by a line that says so.

    Raises:
        OSError: It can't be read.
    """
    with open_regular(path) as file:
        if file.read(len(_GZIP)) != _GZIP:
            file.seek(offset)
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
            return
        end = 0
        for member in members(file.fileno()):
            end = member.at + member.size
            if member.text_at + member.text_bytes > offset:
                yield _unpacked(file.fileno(), member, path)[max(0, offset - member.text_at) :]
        if end < os.fstat(file.fileno()).st_size:
            yield _damage(path, "the rest")


def members(fd: int) -> Iterator[Member]:
    """The members of a compressed part, as far as their headers lead."""
    at = text_at = 0
    while head := _HEAD.fullmatch(os.pread(fd, _HEAD_BYTES, at)):
        size, text_bytes = (int.from_bytes(number, "little") for number in head.groups())
        if size <= _HEAD_BYTES:
            return
        yield Member(at, size, text_bytes, text_at)
        at, text_at = at + size, text_at + text_bytes


def _unpacked(fd: int, member: Member, path: Path) -> bytes:
    try:
        # 16: with gzip's header and checksum, which is tested.
        return zlib.decompress(os.pread(fd, member.size, member.at), zlib.MAX_WBITS | 16)
    except zlib.error:
        return _damage(path, f"{member.text_bytes} bytes")


def _damage(path: Path, what: str) -> bytes:
    return f"[tsdia-run: {what} of {path.name} can't be read: the file is damaged]\n".encode()
