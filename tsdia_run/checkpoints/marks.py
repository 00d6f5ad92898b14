"""Save markers: the progress of each rank that saves into a checkpoint, so that no barrier is needed.

A rank writes its save marker when it begins, and again when all its files are on disk. The rank that then finds every
part present writes the manifest. The manifest lists the save of every marker. A marker of another save means that a
rank has begun to overwrite the checkpoint.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

from tsdia_run.checkpoints.manifest import MAX_BYTES, Manifest, numbers
from tsdia_run.errors import DamagedRunError
from tsdia_run.files.atomic import write_json
from tsdia_run.files.fields import Fields, parse_json, read_bounded
from tsdia_run.rundir.checkpoint_layout import CheckpointLayout

SCHEMA = 1
_NAME = re.compile(r"\.tsdia-rank(\d{1,6})\.json")


class SavePhase(Enum):
    """The progress of a rank."""

    SAVING = "saving"
    SEALED = "sealed"


@dataclass(frozen=True)
class Mark:
    """One rank's save into a checkpoint.

    Attributes:
        rank: The rank.
        world_size: How many ranks the attempt has.
        run_id: The run.
        attempt: Its attempt.
        save: A random id for each save of each rank.
        count: The number of this save among the saves of this process into this directory, from 1.
        needs_all: Whether the save needs every rank of the world: for sharded states, and for Accelerate's automatic
            naming, which waits for all ranks.
        phase: The progress of the rank.
        files: The files that had changed when the rank sealed.
        step: The step, if known.
        epoch: The epoch, if known.
        metrics: The latest logged numbers.
    """

    rank: int
    world_size: int
    run_id: str
    attempt: int
    save: str
    count: int
    needs_all: bool
    phase: SavePhase = SavePhase.SAVING
    files: tuple[str, ...] = ()
    step: int | None = None
    epoch: int | None = None
    metrics: Mapping[str, float] | None = None


def missing(marks: Sequence[Mark]) -> str | None:
    """Return why the save is not complete; None if it is.

    Rank 0 writes the files that all ranks need, so its save decides. Markers of an earlier attempt are ignored. If a
    rank of the same attempt took part in an earlier save into the directory, its part is required.
    """
    main = next((mark for mark in marks if mark.rank == 0), None)
    if main is None:
        return "rank 0 has not saved"
    for mark in _of_the_same_attempt(marks, main):
        if mark.phase is not SavePhase.SEALED:
            return f"rank {mark.rank} began to save but did not finish"
        if mark.count != main.count:
            late = mark.rank if mark.count < main.count else 0
            return f"rank {late} has not saved its part again"
    if main.needs_all:
        present = {mark.rank for mark in _of_the_same_attempt(marks, main)}
        absent = next((rank for rank in range(main.world_size) if rank not in present), None)
        if absent is not None:
            return f"rank {absent} has not saved its part"
    return None


def has_all_for(rank: int, marks: Sequence[Mark]) -> bool:
    """Whether a rank may load from a save of its own attempt that other ranks have not finished (pure).

    It reads the files of rank 0 and its own random states; if the state is sharded, all parts.
    """
    main = next((mark for mark in marks if mark.rank == 0), None)
    own = next((mark for mark in marks if mark.rank == rank), main)
    if main is None or own is None or main.needs_all:
        return False
    same = (main.run_id, main.attempt) == (own.run_id, own.attempt)
    return same and main.phase is own.phase is SavePhase.SEALED and main.count >= own.count


def _of_the_same_attempt(marks: Sequence[Mark], main: Mark) -> list[Mark]:
    return [mark for mark in marks if (mark.run_id, mark.attempt) == (main.run_id, main.attempt)]


def files_of(marks: Sequence[Mark]) -> frozenset[str]:
    """Return the files that any rank of a complete save found changed."""
    main = next(mark for mark in marks if mark.rank == 0)
    return frozenset(name for mark in _of_the_same_attempt(marks, main) for name in mark.files)


def manifest_of(marks: Sequence[Mark], sizes: Mapping[str, int], *, manifest_id: str, at: datetime) -> Manifest:
    """Return the manifest of a complete save.

    Args:
        marks: The save markers of all ranks.
        sizes: Size in bytes of each file that any rank found changed.
        manifest_id: A random id.
        at: The time.
    """
    main = next(mark for mark in marks if mark.rank == 0)
    return Manifest(
        id=manifest_id,
        saved_at=at,
        run_id=main.run_id,
        attempt=main.attempt,
        world_size=main.world_size,
        ranks=tuple(sorted(mark.rank for mark in _of_the_same_attempt(marks, main))),
        saves={mark.rank: mark.save for mark in sorted(marks, key=lambda mark: mark.rank)},
        files=dict(sorted(sizes.items())),
        step=main.step,
        epoch=main.epoch,
        metrics=main.metrics,
    )


def write(checkpoint: Path, mark: Mark, *, is_durable: bool = True) -> None:
    """Write a rank's save marker into a checkpoint.

    Args:
        checkpoint: The directory.
        mark: The save marker.
        is_durable: Whether the marker must survive a power loss.

    Raises:
        OSError: The file system refused.
    """
    write_json(
        CheckpointLayout(checkpoint).mark(mark.rank),
        {
            "schema": SCHEMA,
            "phase": mark.phase.value,
            "rank": mark.rank,
            "world_size": mark.world_size,
            "run_id": mark.run_id,
            "attempt": mark.attempt,
            "save": mark.save,
            "count": mark.count,
            "needs_all": mark.needs_all,
            "step": mark.step,
            "epoch": mark.epoch,
            "metrics": dict(mark.metrics or {}),
            "files": list(mark.files),
        },
        is_durable=is_durable,
    )


def read(checkpoint: Path) -> tuple[Mark, ...]:
    """Return the save markers in a checkpoint; a single file has none.

    Raises:
        OSError: The directory can't be read.
        DamagedRunError: A save marker can't be read, or was not written by tsdia-run.
    """
    if os.path.isfile(checkpoint):
        return ()
    names = sorted(os.listdir(checkpoint))
    return tuple(_read_one(checkpoint / name) for name in names if _NAME.fullmatch(name))


def _read_one(path: Path) -> Mark:
    try:
        return _mark(parse_json(read_bounded(path, MAX_BYTES)))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DamagedRunError(f"the save marker {path.name} can't be used: {reason}") from error


def _mark(data: object) -> Mark:
    fields = Fields(data, "the save marker")
    files = fields.required("files", list)
    if not all(isinstance(name, str) for name in files):
        raise ValueError("`files` is not a list of strings")
    return Mark(
        rank=fields.required("rank", int),
        world_size=fields.required("world_size", int),
        run_id=fields.required("run_id", str),
        attempt=fields.required("attempt", int),
        save=fields.required("save", str),
        count=fields.required("count", int),
        needs_all=fields.required("needs_all", bool),
        phase=SavePhase(fields.required("phase", str)),
        files=tuple(files),
        step=fields.optional("step", int),
        epoch=fields.optional("epoch", int),
        metrics=numbers(fields.optional("metrics", dict)),
    )
