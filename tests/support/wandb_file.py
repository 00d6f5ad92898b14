"""Read a .wandb file: W&B's records in the log format of LevelDB.

The format: https://github.com/google/leveldb/blob/main/doc/log_format.md , behind a header of seven bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BLOCK = 32 * 1024
_HEADER = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def read(path: Path) -> Iterator[Any]:
    """Return the records of a file, as messages of W&B's own protocol."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, parts = path.read_bytes(), 7, b""
    while at + _HEADER.size <= len(data):
        if _BLOCK - at % _BLOCK < _HEADER.size:
            at += _BLOCK - at % _BLOCK
            continue
        _, length, kind = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        piece = data[at : at + length]
        at += length
        parts = piece if kind in (_FULL, _FIRST) else parts + piece
        if kind in (_FULL, _LAST):
            record = Record()
            record.ParseFromString(parts)
            yield record
