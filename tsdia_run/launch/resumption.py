"""What a resume starts from: the run, its record, the checkpoint."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.errors import DamagedRunError, NotFoundError
from tsdia_run.rundir import checkpoints, record
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Run
from tsdia_run.words import shell

_MAX_LINKS = 40


@dataclass(frozen=True)
class Source:
    """What a resume starts from.

    Attributes:
        layout: The files of the run.
        run: Its record.
        checkpoint: A real path without a trailing slash, since scripts parse its base name.
    """

    layout: RunLayout
    run: Run
    checkpoint: Path


def find_source(target: str) -> Source:
    """The run and the checkpoint that ``target`` names.

    Args:
        target: A run directory, for its newest checkpoint; a checkpoint in one; or a link to a checkpoint.

    Raises:
        NotFoundError: There is nothing, or no run around it.
        DamagedRunError: The run has no checkpoint, ``target`` is none, or the record can't be read.
    """
    path = _unlinked(Path(os.path.abspath(os.path.expanduser(target))))
    if not os.path.lexists(path):
        raise NotFoundError(f"{target} does not exist", hint="Name a run directory, or a checkpoint in one.")
    layout = _enclosing(path)
    if layout is None:
        raise NotFoundError(
            f"{target} is not a run of tsdia-run, nor inside one: there is no run.json",
            hint="Name a directory that `tsdia-run new` made, or a checkpoint in one.",
        )
    run = record.read(layout.record)
    found = checkpoints.find(layout.root)
    if path == layout.root:
        if not found:
            raise DamagedRunError(f"{target} has no checkpoint to resume from", hint=_from_start(run))
        return Source(layout, run, found[-1].path)
    if not any(checkpoint.path == path for checkpoint in found):
        names = ", ".join(os.path.relpath(checkpoint.path, layout.root) for checkpoint in found[-5:])
        known = f"Checkpoints of this run: {names}" if found else _from_start(run)
        raise DamagedRunError(f"{target} is not a checkpoint", hint=known)
    return Source(layout, run, path)


def _from_start(run: Run) -> str:
    config = [run.source_config] if run.source_config else []
    return f"Start again from the beginning: {shell(['tsdia-run', 'new', *config, '--move-aside'])}"


def _unlinked(path: Path) -> Path:
    """Follow ``best_checkpoint`` and the like; links among the parents stay as the user typed them."""
    for _ in range(_MAX_LINKS):
        if not path.is_symlink():
            break
        path = Path(os.path.abspath(path.parent / os.readlink(path)))
    return path


def _enclosing(path: Path) -> RunLayout | None:
    folders = (RunLayout(folder) for folder in (path, *path.parents))
    return next((layout for layout in folders if layout.record.is_file()), None)
