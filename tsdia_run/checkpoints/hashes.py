"""The sha256 of a checkpoint's files: text that ``sha256sum -c`` understands, headed by the manifest it belongs to."""

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
# Called with the number of bytes that were read since the last call.
OnBytes = Callable[[int], None]


def read(checkpoint: Path, manifest: Manifest) -> dict[str, str] | None:
    """The hashes by file; None where there are none for this manifest, or none that can be read."""
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
    """Put the hashes beside the manifest, whole or not at all.

    Raises:
        OSError: The file system refused.
    """
    lines = [_HEAD + manifest.id, *(_line(name, digest) for name, digest in digests.items()), ""]
    write_bytes(CheckpointLayout(checkpoint).hashes, os.fsencode("\n".join(lines)))


def _line(name: str, digest: str) -> str:
    """As coreutils writes it: a line whose name has a line break or a backslash starts with a backslash."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == name else chr(92)}{digest}  {escaped}"


def _unescaped(name: str) -> str:
    parts = name.split("\\\\")
    return "\\".join(part.replace("\\n", "\n").replace("\\r", "\r") for part in parts)


def digest(path: Path, on_bytes: OnBytes = lambda _: None, *, leaves_cache: bool = False) -> str:
    """The sha256 of a file, as hexadecimal text.

    Args:
        path: The file.
        on_bytes: Told how much was read.
        leaves_cache: Give the page cache back what was read, so that others keep theirs.

    Raises:
        OSError: It can't be read.
    """
    import hashlib  # loads OpenSSL, for which most commands have no use

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
