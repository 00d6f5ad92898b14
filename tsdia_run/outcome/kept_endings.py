"""Keep the ending of a run whose own directory can't be written in the user's state directory.

The file is ``$XDG_STATE_HOME/tsdia-run/endings/RUN_ID.json``, in the format of run.json. Readers use it only for the
attempt that it is about, and only while the record of the run has no ending of that attempt.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.errors import DamagedRunError
from tsdia_run.rundir import catalog, record_file
from tsdia_run.rundir.record import LIVE, Run, State


@dataclass(frozen=True)
class Unrecorded:
    """An ending that is not in the record of its run.

    Attributes:
        why: Why it could not be written.
        reads_as: The state that the next command finds, once it can read the run.
    """

    why: str
    reads_as: State


def keep(run: Run) -> bool:
    """Keep the ending of the newest attempt; return whether that was possible."""
    path = _path(run.run_id)
    if path is None:
        return False
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        record_file.write(path, run)
    except OSError:
        return False
    return True


def kept(run: Run) -> Run | None:
    """Return the record with the kept ending of its newest attempt; None if none was kept."""
    path = _path(run.run_id)
    try:
        found = record_file.read(path) if path else None
    except DamagedRunError:  # in most cases there is none
        return None
    if found is None or found.run_id != run.run_id or found.last.state in LIVE:
        return None
    is_same = (found.last.number, found.last.started_at) == (run.last.number, run.last.started_at)
    return found if is_same else None


def forget(run: Run) -> None:
    """Remove the kept ending of a run: its record has the ending now."""
    path = _path(run.run_id)
    if path is not None:
        with suppress(OSError):
            path.unlink()


def _path(run_id: str) -> Path | None:
    """Return the file of a run; None for an id that tsdia-run never makes: a record must not choose another path."""
    if not (run_id.isascii() and run_id.isalnum()):
        return None
    return catalog.path(os.environ).parent / "endings" / f"{run_id}.json"
