"""Seal one rank's save into a checkpoint: marked at its begin, sealed when all its files are on disk."""

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
        mark: The rank's save marker in it.
        before: The files before the save.
    """

    checkpoint: Path
    mark: Mark
    before: Mapping[str, Stamp]


def begin(checkpoint: Path, mark: Mark) -> Save:
    """Mark that a rank saves into a directory; a complete checkpoint in it counts as incomplete from now on.

    Args:
        checkpoint: An existing directory.
        mark: The rank's save marker, with phase ``SAVING``.

    Raises:
        OSError: The file system refused. The old manifest was removed.
    """
    before = files.stamps(checkpoint)
    old_manifest = CheckpointLayout(checkpoint).manifest
    try:
        # An empty directory contains nothing that could count as complete after a power loss.
        marks.write(checkpoint, mark, is_durable=bool(before))
        if before:
            files.sync(checkpoint)
    except OSError:
        # For example a full disk: without a marker, nothing shows that the old manifest is from another save.
        old_manifest.unlink(missing_ok=True)
        raise
    return Save(checkpoint, mark, before)


def seal(
    save: Save, *, step: int | None = None, epoch: int | None = None, metrics: Mapping[str, float] | None = None
) -> Manifest | None:
    """Mark that a rank has saved, and write the manifest if no part is missing.

    Every rank seals before it reads the other markers, so the last rank sees all of them.

    Args:
        save: The save that began.
        step: The step, if known.
        epoch: The epoch, if known.
        metrics: The latest logged numbers.

    Returns:
        The manifest; None if another rank will write it.

    Raises:
        OSError: The disk is full or broken; the checkpoint stays incomplete.
        DamagedRunError: The save marker of another rank can't be read.
    """
    checkpoint = save.checkpoint
    after = files.stamps(checkpoint)
    # A file that was in the directory before the save does not belong to it, and the script may change it later.
    written = {*files.changed(save.before, after), *(name for name in after if is_accelerates(name))}
    files.make_durable(checkpoint, written)
    names = tuple(sorted(written))
    sealed = replace(save.mark, phase=SavePhase.SEALED, files=names, step=step, epoch=epoch, metrics=metrics)
    marks.write(checkpoint, sealed)
    present = marks.read(checkpoint)
    if marks.missing(present):
        return None
    sizes = files.sizes(checkpoint, marks.files_of(present))
    complete = marks.manifest_of(present, sizes, manifest_id=uuid.uuid4().hex, at=datetime.now(timezone.utc))
    manifest.write(checkpoint, complete)
    # One sync for all entries: if a power loss removes entries of files and keeps the manifest, the checkpoint is
    # incomplete.
    files.sync(checkpoint)
    return complete
