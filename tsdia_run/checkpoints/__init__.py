"""Find, order, seal, check and prune the checkpoints on disk. docs/checkpoints.md describes the files.

Nothing here imports torch, unpickles, or deletes.
"""

from __future__ import annotations

from tsdia_run.checkpoints.finding import Survey, aside, find, kind_of, survey, written_aside
from tsdia_run.checkpoints.manifest import Manifest
from tsdia_run.checkpoints.naming import Checkpoint, parse_name, read_name
from tsdia_run.checkpoints.recognition import EntryKind
from tsdia_run.checkpoints.verdict import Choice, Soundness, Verdict, judge, newest_complete, unfinished

__all__ = [
    "Checkpoint",
    "Choice",
    "EntryKind",
    "Manifest",
    "Soundness",
    "Survey",
    "Verdict",
    "aside",
    "find",
    "judge",
    "kind_of",
    "newest_complete",
    "parse_name",
    "read_name",
    "survey",
    "unfinished",
    "written_aside",
]
