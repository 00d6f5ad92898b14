"""The manifest of a checkpoint: what one save left, written when all of it is on disk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from tsdia_run.errors import DamagedRunError
from tsdia_run.files.atomic import write_json
from tsdia_run.files.fields import Fields, parse_json, read_bounded
from tsdia_run.rundir.checkpoint_layout import CheckpointLayout
from tsdia_run.text import visible

SCHEMA = 1
# 60 bytes a file; a sharded state of 1,000 ranks has some 5,000 of them.
MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """What one save left.

    Attributes:
        id: Random, made when the manifest was written; the hashes name it.
        saved_at: When the last rank had sealed.
        run_id: The run that saved.
        attempt: Its attempt.
        world_size: How many ranks the attempt had.
        ranks: Those that took part.
        saves: Every rank that has a mark, and the save that the mark was of.
        files: Path below the checkpoint, with `/`, and size in bytes.
        step: The step, as far as known.
        epoch: The epoch, as far as known.
        metrics: The latest logged numbers, as far as known; all finite.
    """

    id: str
    saved_at: datetime
    run_id: str
    attempt: int
    world_size: int
    ranks: tuple[int, ...]
    saves: Mapping[int, str]
    files: Mapping[str, int]
    step: int | None = None
    epoch: int | None = None
    metrics: Mapping[str, float] | None = None

    @property
    def size_bytes(self) -> int:
        """The size of all files."""
        return sum(self.files.values())


def write(checkpoint: Path, manifest: Manifest) -> None:
    """Put the manifest into the checkpoint, whole or not at all.

    Raises:
        OSError: The file system refused.
    """
    write_json(
        CheckpointLayout(checkpoint).manifest,
        {
            "schema": SCHEMA,
            "id": manifest.id,
            "saved_at": manifest.saved_at.isoformat(timespec="milliseconds"),
            "run_id": manifest.run_id,
            "attempt": manifest.attempt,
            "step": manifest.step,
            "epoch": manifest.epoch,
            "metrics": dict(manifest.metrics or {}),
            "world_size": manifest.world_size,
            "ranks": list(manifest.ranks),
            "saves": {str(rank): save for rank, save in manifest.saves.items()},
            "files": dict(manifest.files),
        },
    )


def read(checkpoint: Path) -> Manifest | None:
    """The manifest of a checkpoint; None where there is none.

    Raises:
        DamagedRunError: There is one, which can't be read or is not what we write.
    """
    path = CheckpointLayout(checkpoint).manifest
    try:
        return _manifest(parse_json(read_bounded(path, MAX_BYTES)))
    except (FileNotFoundError, NotADirectoryError):  # a single file has none
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DamagedRunError(f"its manifest {path.name} can't be used: {reason}") from error


def _manifest(data: object) -> Manifest:
    fields = Fields(data, "the manifest")
    schema = fields.required("schema", int)
    if schema > SCHEMA:
        raise ValueError(f"it has schema {schema}, written by a newer tsdia-run; update tsdia-run")
    return Manifest(
        id=fields.required("id", str),
        saved_at=fields.time("saved_at"),
        run_id=fields.required("run_id", str),
        attempt=fields.required("attempt", int),
        world_size=fields.required("world_size", int),
        ranks=tuple(_whole(rank) for rank in fields.required("ranks", list)),
        saves={int(rank): _text(save) for rank, save in fields.required("saves", dict).items()},
        files={_inside(name): _whole(size) for name, size in fields.required("files", dict).items()},
        step=fields.optional("step", int),
        epoch=fields.optional("epoch", int),
        metrics=numbers(fields.optional("metrics", dict)),
    )


def numbers(data: Mapping[str, object] | None) -> dict[str, float]:
    """Those values that are finite numbers: a NaN is no JSON, and never the best."""
    found = {}
    for name, value in (data or {}).items():
        # A whole number beyond the range of a float is none that anybody logged.
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300:
            found[visible(name)] = float(value)
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is not a whole number from 0"[:200])
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text"[:200])
    return value


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ValueError(f"{name!r} is not a file of the checkpoint"[:200])
    return name
