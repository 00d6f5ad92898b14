"""One rank's save into a checkpoint: begun before anything is written, sealed when all of it is on disk."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from tsdia_run.checkpoints import files, manifest, marks
from tsdia_run.checkpoints.files import Stamp
from tsdia_run.checkpoints.manifest import Manifest
from tsdia_run.checkpoints.marks import Mark, SavePhase
from tsdia_run.checkpoints.structure import is_accelerates
from tsdia_run.rundir.checkpoint_layout import CheckpointLayout


@dataclass(frozen=True)
class Save:
    """A save that has begun.

    Attributes:
        checkpoint: The directory.
        mark: The rank's mark in it.
        before: What was there.
    """

    checkpoint: Path
    mark: Mark
    before: Mapping[str, Stamp]


def begin(checkpoint: Path, mark: Mark) -> Save:
    """Say that a rank saves into a directory; what was whole there counts as torn from now on.

    Args:
        checkpoint: An existing directory.
        mark: The rank's mark, with phase ``SAVING``.

    Raises:
        OSError: The file system refused. There is no manifest in the directory any more.
    """
    before = files.stamps(checkpoint)
    old_manifest = CheckpointLayout(checkpoint).manifest
    try:
        # In an empty directory there is nothing yet that could be taken for whole after a loss of power.
        marks.write(checkpoint, mark, is_durable=bool(before))
        if before:
            files.sync(checkpoint)
    except OSError:
        # A full disk, say: without a mark nothing else tells that the old manifest is of another save.
        old_manifest.unlink(missing_ok=True)
        raise
    return Save(checkpoint, mark, before)


def seal(
    save: Save, *, step: int | None = None, epoch: int | None = None, metrics: Mapping[str, float] | None = None
) -> Manifest | None:
    """Say that a rank has saved, and write the manifest if nobody is missing.

    Every rank seals before it looks, so the last one sees all the others.

    Args:
        save: What has begun.
        step: The step, as far as known.
        epoch: The epoch, as far as known.
        metrics: The latest logged numbers.

    Returns:
        The manifest; None where it is for another rank to write.

    Raises:
        OSError: The disk is full or broken; the checkpoint stays torn.
        DamagedRunError: The mark of another rank can't be read.
    """
    checkpoint = save.checkpoint
    after = files.stamps(checkpoint)
    # A file that others wrote into the directory before the save is no part of it, and may be written again.
    written = {*files.changed(save.before, after), *(name for name in after if is_accelerates(name))}
    files.make_durable(checkpoint, written)
    names = tuple(sorted(written))
    sealed = replace(save.mark, phase=SavePhase.SEALED, files=names, step=step, epoch=epoch, metrics=metrics)
    marks.write(checkpoint, sealed)
    there = marks.read(checkpoint)
    if marks.missing(there):
        return None
    sizes = files.sizes(checkpoint, marks.files_of(there))
    complete = marks.manifest_of(there, sizes, manifest_id=uuid.uuid4().hex, at=datetime.now(timezone.utc))
    manifest.write(checkpoint, complete)
    # All names at once: a manifest whose files have lost theirs is of a torn checkpoint.
    files.sync(checkpoint)
    return complete
