"""Read the parts of a log: ``training_X.000001.log.gz``, …, ``training_X.log``.

A part is plain text until it is compressed. A compressed part is a sequence of gzip members with about 1 MiB of text.
The header of each member has an extra field ``TD`` (RFC 1952, 2.3.1.1) of two little-endian 32-bit numbers: the length
of the member in the file, and the length of its text. A reader finds any position by reading only the headers.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.files.opening import open_regular

_CHUNK_BYTES = 1024 * 1024
# tsdia-run writes up to 2 MiB of text into a member; a larger one is not unpacked.
_MAX_MEMBER_BYTES = 8 * 1024 * 1024
_GZIP = b"\x1f\x8b"
# The header has only extra fields; their length; the field's name; its length; the two numbers.
_HEAD = re.compile(rb"\x1f\x8b\x08\x04.{6}\x0c\x00TD\x08\x00(.{4})(.{4})", re.DOTALL)
_HEAD_BYTES = 24


@dataclass(frozen=True)
class Position:
    """A position in a log.

    Attributes:
        part: The number of the part, from 1; the live file has the number after the last rotated part.
        offset: The number of bytes of text before it in that part.
    """

    part: int = 1
    offset: int = 0


@dataclass(frozen=True)
class Member:
    """A gzip member of a compressed part.

    Attributes:
        at: Its offset in the file.
        size: Its length in the file.
        text_bytes: The length of its text.
        text_at: The length of the text before it in the part.
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
        """Return the numbers of the existing rotated parts, oldest first."""
        try:
            names = os.listdir(self.live.parent)
        except OSError:
            return []
        return sorted(int(found[1]) for found in map(self._pattern.fullmatch, names) if found)

    def live_number(self) -> int:
        """Return the part number of the live file."""
        return max(self.numbers(), default=0) + 1

    def rotated(self, number: int) -> Path:
        """Return the path of a rotated part."""
        return self.live.with_name(f"{self._stem}.{number:06d}.log.gz")

    @property
    def cut(self) -> Path:
        """The file that replaces removed parts, and names them."""
        return self.live.with_name(f"{self._stem}.000002.cut.log")

    @property
    def times(self) -> Path:
        """The index of times, which ``seek.py`` describes."""
        return self.live.with_name(f".{self._stem}.times")


def text_of(path: Path, offset: int = 0) -> Iterator[bytes]:
    """Yield the text of a part from an offset on, compressed or not, in chunks.

    A line with an error message replaces damaged text.

    Raises:
        OSError: The file can't be read.
    """
    with open_regular(path, follows_links=False) as file:
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
    """Yield the members of a compressed part, up to the first invalid header."""
    at = text_at = 0
    while head := _HEAD.fullmatch(os.pread(fd, _HEAD_BYTES, at)):
        size, text_bytes = (int.from_bytes(number, "little") for number in head.groups())
        if size <= _HEAD_BYTES or max(size, text_bytes) > _MAX_MEMBER_BYTES:
            return
        yield Member(at, size, text_bytes, text_at)
        at, text_at = at + size, text_at + text_bytes


def _unpacked(fd: int, member: Member, path: Path) -> bytes:
    try:
        # 16: with gzip's header and checksum; zlib verifies the checksum at the end of the member.
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        text = unpacker.decompress(os.pread(fd, member.size, member.at), member.text_bytes + 1)
    except zlib.error:
        return _damage(path, f"{member.text_bytes} bytes")
    if not unpacker.eof or len(text) != member.text_bytes:
        return _damage(path, f"{member.text_bytes} bytes")
    return text


def _damage(path: Path, what: str) -> bytes:
    return f"[tsdia-run: {what} of {path.name} can't be read: the file is damaged]\n".encode()
