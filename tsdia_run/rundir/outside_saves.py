"""The checkpoints that an attempt saved outside its run directory: ``attempts/N/outside.txt``, one path a line."""

from __future__ import annotations

import os
from pathlib import Path

from tsdia_run.files.fields import read_bounded
from tsdia_run.files.opening import open_to_append
from tsdia_run.rundir.layout import AttemptLayout

_MAX_BYTES = 1024 * 1024


def is_outside(path: Path, run_dir: Path) -> bool:
    """Return whether a path is outside the run directory, as it is and without symlinks."""
    real, real_dir = Path(os.path.realpath(path)), Path(os.path.realpath(run_dir))
    return run_dir not in path.parents and real_dir not in real.parents


def add(attempt: AttemptLayout, checkpoint: Path) -> None:
    """Add a checkpoint; ``read`` ignores repetitions.

    Raises:
        OSError: The file can't be written.
    """
    fd = open_to_append(attempt.outside)
    try:
        os.write(fd, os.fsencode(checkpoint).replace(b"\n", b"?") + b"\n")  # one write, since several ranks append
    finally:
        os.close(fd)


def read(attempt: AttemptLayout) -> tuple[Path, ...]:
    """Return the checkpoints, in the order of their first save."""
    try:
        lines = read_bounded(attempt.outside, _MAX_BYTES).splitlines()
    except (OSError, ValueError):
        return ()
    return tuple(dict.fromkeys(Path(os.fsdecode(line)) for line in lines if line.startswith(b"/")))
