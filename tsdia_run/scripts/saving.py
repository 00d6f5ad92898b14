"""Whether a script saves anything, and whether it asks tsdia-run for its run directory, from its text."""

from __future__ import annotations

import re
from pathlib import Path

from tsdia_run.scripts.reach import reachable
from tsdia_run.scripts.syntax import read

_SAVES = re.compile(
    r"\.save\w*\(|\bsave_\w+\(|\.dump\(|\.write\w*\(|\.to_(?:csv|json|parquet|pickle|feather|excel|hdf)\(|\bmk(?:dtemp|stemp)\("
    r"|\bmake_?dirs\(|\.mkdir\(|\bopen\([^)\n]*,\s*(?:mode\s*=\s*)?[\"'][wax]|\.export\w*\(|\bTrainer\(|Trainer\b\w*\(|\.fit\("
    r"|\b(?:SummaryWriter|FileHandler|ProjectConfiguration|ModelCheckpoint|CSVLogger|TensorBoardLogger)\(|\bcopy(?:2|file|tree)?\("
    r"|\bsavefig\(|\binit_trackers\(|\bwandb\.init\(|log_with|\bsubprocess\b|\bos\.system\(|\bexec\("
)


def asks_for_directory(text: str, variable: str) -> bool:
    """Return whether a script reads its run directory from its environment, itself or with the helper."""
    return variable in text or "current_run" in text


def may_save(script: Path | None, cwd: Path) -> bool:
    """Return whether a script, or a project module that it uses, saves anything; True if its source is not known."""
    source = read(script, cwd) if script else None
    if source is None:
        return True
    return any(_SAVES.search(part.text()) for part in reachable(source, cwd))
