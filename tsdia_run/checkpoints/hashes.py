"""The sha256 of a checkpoint's files, in the format of ``sha256sum -c``; the first line has the manifest's id."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from tsdia_run.checkpoints.manifest import MAX_BYTES, Manifest
from tsdia_run.checkpoints.state_files import open_unnoticed
from tsdia_run.files.atomic import write_bytes
from tsdia_run.files.fields import read_bounded
from tsdia_run.rundir.checkpoint_layout import CheckpointLayout

_HEAD = "# tsdia-run manifest "
_CHUNK_BYTES = 4 * 1024 * 1024
_HEX = frozenset("0123456789abcdef")
# Called with the number of bytes read since the last call.
OnBytes = Callable[[int], None]


def read(checkpoint: Path, manifest: Manifest) -> dict[str, str] | None:
    """Return the hashes by file; None if this manifest has no hashes or they can't be read."""
    try:
        text = os.fsdecode(read_bounded(CheckpointLayout(checkpoint).hashes, MAX_BYTES))
    except (OSError, ValueError):
        return None
    head, _, rest = text.partition("\n")
    return _parse(rest) if head == _HEAD + manifest.id else None


def _parse(text: str) -> dict[str, str] | None:
    found = {}
    for line in text.split("\n")[:-1]:
        is_escaped = line.startswith("\\")
        digest, _, name = line.removeprefix("\\").partition("  ")
        if len(digest) != 64 or not _HEX.issuperset(digest) or not name:
            return None
        found[_unescaped(name) if is_escaped else name] = digest
    return found


def write(checkpoint: Path, manifest: Manifest, digests: Mapping[str, str]) -> None:
    """Write the hashes next to the manifest, atomically.

    Raises:
        OSError: The file system refused.
    """
    lines = [_HEAD + manifest.id, *(_line(name, digest) for name, digest in digests.items()), ""]
    write_bytes(CheckpointLayout(checkpoint).hashes, os.fsencode("\n".join(lines)))


def _line(name: str, digest: str) -> str:
    """Return a line in the format of coreutils: it starts with a backslash if the name has a newline or a backslash."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == name else chr(92)}{digest}  {escaped}"


def _unescaped(name: str) -> str:
    parts = name.split("\\\\")
    return "\\".join(part.replace("\\n", "\n").replace("\\r", "\r") for part in parts)


def digest(path: Path, on_bytes: OnBytes = lambda _: None, *, leaves_cache: bool = False) -> str:
    """Return the sha256 of a file, in hexadecimal.

    Args:
        path: The file.
        on_bytes: Receives the number of bytes read.
        leaves_cache: Drop the data that was read from the page cache, so that the cache of other processes stays.

    Raises:
        OSError: It can't be read.
    """
    import hashlib  # loads OpenSSL, which most commands don't need

    total, start = hashlib.sha256(), 0
    fd = open_unnoticed(path)
    try:
        while chunk := os.read(fd, _CHUNK_BYTES):
            total.update(chunk)
            on_bytes(len(chunk))
            if leaves_cache:
                os.posix_fadvise(fd, start, len(chunk), os.POSIX_FADV_DONTNEED)
            start += len(chunk)
    finally:
        os.close(fd)
    return total.hexdigest()
