"""Find the files with a checkpoint's state: a script that resumes from it must open one of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from tsdia_run.files.opening import open_fd
from tsdia_run.rundir.checkpoint_layout import CheckpointLayout, ReadsLayout
from tsdia_run.rundir.layout import RunLayout

# A script may write or read these next to a state; they never contain weights.
SIDE_SUFFIXES = (
    ".json", ".jsonl", ".txt", ".md", ".yml", ".yaml", ".toml", ".ini", ".csv", ".log", ".out", ".err",
    ".html", ".png", ".jpg", ".svg", ".pdf", ".wav", ".py", ".sh", ".jinja", ".lock",
)  # fmt: skip
_EVENTS = "events.out.tfevents"
# The checkpoint's folder, checkpoints/, a directory of the script, the run directory; and a few more.
_MAX_PARENTS = 8


def is_side(name: str) -> bool:
    """Whether a file of this name only describes a state and contains none."""
    return name.lower().endswith(SIDE_SUFFIXES) or _EVENTS in name


def state_files(checkpoint: Path, limit: int) -> Sequence[Path] | None:
    """Return the files that contain the state: all except side files, or all if every file is a side file.

    Args:
        checkpoint: A directory, or a checkpoint that is a single file.
        limit: The maximum number of files to list.

    Returns:
        The paths below ``checkpoint``; None if there are more files than the limit.
    """
    if os.path.isfile(checkpoint):
        return [checkpoint]
    found = list(islice(_files(checkpoint), limit + 1))
    if len(found) > limit:
        return None
    return [path for path in found if not is_side(path.name)] or found


def _files(folder: Path) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()
    # A part of the state may be a link to another disk.
    for root, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(root)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        yield from (Path(root, name) for name in names if not CheckpointLayout.is_ours(name))


def open_unnoticed(path: Path) -> int:
    """Open a checkpoint's file for reading, so that it doesn't count as a read by the script.

    Returns:
        The file descriptor.

    Raises:
        OSError: It can't be opened.
    """
    with _announced(path):
        return open_fd(path)


@contextmanager
def _announced(path: Path) -> Iterator[None]:
    """Open a file of tsdia-run first: the supervisor sees both opens in order and ignores the second (opens.py)."""
    fd = _announcement(path)
    try:
        yield
    finally:
        if fd >= 0:
            os.close(fd)


def _announcement(path: Path) -> int:
    for parent in islice(Path(os.path.abspath(path)).parents, _MAX_PARENTS):
        try:
            return open_fd(ReadsLayout(RunLayout(parent).reads).ours)
        except OSError:  # not a run directory, or the script has read its checkpoint already
            continue
    return -1
