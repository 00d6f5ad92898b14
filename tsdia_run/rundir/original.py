"""Find the run that a run directory is a copy of."""

from __future__ import annotations

import os
from pathlib import Path

from tsdia_run.errors import DamagedRunError
from tsdia_run.rundir import command_record, record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Run


def original(layout: RunLayout, run: Run) -> Path | None:
    """Return the directory that a run was copied from, for example by ``cp -r``; None if the run is not a copy.

    A run is a copy if another directory with the same id is at the path of its last start. A run that was moved, or
    restored from a backup, is not a copy.

    Args:
        layout: The files of the run.
        run: Its record.
    """
    recorded = command_record.read(layout.attempt(run.last.number))
    path = Path(recorded.run_dir) if recorded and recorded.run_dir else None
    if path is None or path == layout.root:
        return None
    try:
        if os.path.samefile(path, layout.root):
            return None
    except OSError:  # one of them does not exist
        return None
    return path if record_file.ids(str(path))[0] == run.run_id else None


def original_of(layout: RunLayout) -> Path | None:
    """Return ``original`` of the record on disk; None if it can't be read."""
    try:
        return original(layout, record_file.read(layout.record))
    except DamagedRunError:
        return None
