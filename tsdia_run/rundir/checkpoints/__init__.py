"""Checkpoints on disk: found, put in order, sealed, judged, and thinned out. docs/checkpoints.md describes the files.

Nothing here imports torch, unpickles, or deletes.
"""

from __future__ import annotations

from tsdia_run.rundir.checkpoints.finding import Checkpoint, aside, find, has_state, parse_name, written_aside
from tsdia_run.rundir.checkpoints.manifest import Manifest
from tsdia_run.rundir.checkpoints.verdict import Choice, State, Verdict, judge, newest_whole, unfinished

__all__ = [
    "Checkpoint",
    "Choice",
    "Manifest",
    "State",
    "Verdict",
    "aside",
    "find",
    "has_state",
    "judge",
    "newest_whole",
    "parse_name",
    "unfinished",
    "written_aside",
]
