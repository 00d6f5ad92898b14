"""Whether a script saves anything, and whether it asks tsdia-run for its run directory, from its text."""

from __future__ import annotations

import re
from pathlib import Path

_SAVES = (
    ".save", "save_", ".dump(", ".write(", ".write_", ".to_csv(", ".to_json(", ".to_parquet(", ".to_pickle(",
    ".export(",
    "mkdir(", "makedirs(", "mkdtemp(", "mkstemp(", "copyfile(", "copytree(", "shutil.", "savez", "savetxt(",
    "Trainer(", ".fit(", "SummaryWriter(", "Handler(", "Logger(", "ProjectConfiguration(", "ModelCheckpoint(",
    "init_trackers(", "wandb.init(", "log_with", "subprocess", "os.system(", "exec(",
)  # fmt: skip
_OPENS = re.compile(r"open\([^)\n]*[\"'][rwxabt+]*[wxa+][rwxabt+]*[\"']")


def asks_for_directory(text: str, variable: str) -> bool:
    """Return whether a script reads its run directory from its environment, itself or with the helper."""
    return variable in text or "current_run" in text


def may_save(script: Path | None, cwd: Path) -> bool:
    """Return whether a script, or a project module that it uses, saves anything; True if its source is not known."""
    # Imported here: most starts tell the script its directory.
    from tsdia_run.scripts.reach import reachable
    from tsdia_run.scripts.syntax import read

    source = read(script, cwd) if script else None
    if source is None:
        return True
    texts = [part.text for part in reachable(source, cwd)]
    return any(word in text for text in texts for word in _SAVES) or any(map(_OPENS.search, texts))
