"""The manifest of a checkpoint: the files of one save, written when all of them are on disk."""

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
# 60 bytes per file; a sharded state of 1,000 ranks has about 5,000 files.
MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """The record of one save.

    Attributes:
        id: Random, created with the manifest; the hashes contain it.
        saved_at: When the last rank had sealed.
        run_id: The run that saved.
        attempt: Its attempt.
        world_size: How many ranks the attempt had.
        ranks: The ranks that took part.
        saves: Each rank that has a save marker, and the save of that marker.
        files: Path below the checkpoint (with `/`), and size in bytes.
        step: The step, if known.
        epoch: The epoch, if known.
        metrics: The latest logged numbers, if known; all finite.
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
    """Write the manifest into the checkpoint, atomically.

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
    """Return the manifest of a checkpoint; None if it has no manifest.

    Raises:
        DamagedRunError: The manifest can't be read, or was not written by tsdia-run.
    """
    path = CheckpointLayout(checkpoint).manifest
    try:
        return _manifest(parse_json(read_bounded(path, MAX_BYTES)))
    except (FileNotFoundError, NotADirectoryError):  # a single file has none
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DamagedRunError(f"the manifest {path.name} can't be used: {reason}") from error


def _manifest(data: object) -> Manifest:
    fields = Fields(data, "the manifest")
    schema = fields.required("schema", int)
    if schema > SCHEMA:
        raise ValueError(f"schema {schema} was written by a newer tsdia-run; update tsdia-run")
    return Manifest(
        id=fields.required("id", str),
        saved_at=fields.time("saved_at"),
        run_id=fields.required("run_id", str),
        attempt=fields.required("attempt", int),
        world_size=fields.required("world_size", int),
        ranks=tuple(_non_negative(rank) for rank in fields.required("ranks", list)),
        saves={int(rank): _string(save) for rank, save in fields.required("saves", dict).items()},
        files={_inside(name): _non_negative(size) for name, size in fields.required("files", dict).items()},
        step=fields.optional("step", int),
        epoch=fields.optional("epoch", int),
        metrics=numbers(fields.optional("metrics", dict)),
    )


def numbers(data: Mapping[str, object] | None) -> dict[str, float]:
    """Return the finite numbers: NaN is not valid JSON, and never the best value."""
    found = {}
    for name, value in (data or {}).items():
        # No script logs an integer beyond the range of a float.
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300:
            found[visible(name)] = float(value)
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _non_negative(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is not an integer >= 0"[:200])
    return value


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a string"[:200])
    return value


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ValueError(f"{name!r} is not a file of the checkpoint"[:200])
    return name
