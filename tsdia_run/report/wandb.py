"""Find the W&B run of a run."""

from __future__ import annotations

from pathlib import Path

from tsdia_run.files.fields import Fields, read_object
from tsdia_run.files.opening import names_in
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.text import shell, shown

_MAX_BYTES = 64 * 1024


def wandb_line(run_dir: Path, wandb_id: str | None, users: str | None = None) -> str | None:
    """Return its URL, or the command that uploads its offline attempts in order; None if there is none.

    Args:
        run_dir: The run directory.
        wandb_id: The id of the W&B run.
        users: The user's own WANDB_DIR.
    """
    folder = Path(users or run_dir) / "wandb"
    names = names_in(folder) if wandb_id else []
    offline = [folder / name for name in names if name.startswith("offline-run-") and name.endswith(f"-{wandb_id}")]
    if offline:
        return shell(["wandb", "sync", *map(shown, offline)])
    return _info(run_dir).lenient("run_url", str)


def recorded_id(run_dir: Path) -> str | None:
    """Return the id of the W&B run in ``wandb_info.json``."""
    return _info(run_dir).lenient("run_id", str)


def _info(run_dir: Path) -> Fields:
    return Fields(read_object(RunLayout(run_dir).wandb_info, _MAX_BYTES), "wandb_info.json")
