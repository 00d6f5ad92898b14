"""The files of a checkpoint: list them, find changed ones, and flush them to disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from tsdia_run.files.opening import open_fd
from tsdia_run.rundir.checkpoint_layout import CheckpointLayout

# Far more than any sharded state has; the limit stops the walk through a data set in the directory.
_MAX_FILES = 100_000


@dataclass(frozen=True)
class Stamp:
    """The properties of a file that change when it is written."""

    size_bytes: int
    changed_ns: int
    inode: int


def stamps(checkpoint: Path) -> dict[str, Stamp]:
    """Return path (with ``/``) and stamp of each readable file below a checkpoint, without tsdia-run's files."""
    found: dict[str, Stamp] = {}
    for path in _files(checkpoint):
        try:
            status = path.stat()
        except OSError:
            continue
        name = path.relative_to(checkpoint).as_posix()
        found[name] = Stamp(status.st_size, status.st_mtime_ns, status.st_ino)
    return found


def saved_s(checkpoint: Path) -> float | None:
    """Return when the newest file of a checkpoint was written, in seconds since the epoch; None if it has no file.

    tsdia-run's files are ignored: they (mostly the hashes) may be newer than the save.
    """
    if os.path.isdir(checkpoint):
        return max((stamp.changed_ns / 1e9 for stamp in stamps(checkpoint).values()), default=None)
    try:
        return checkpoint.stat().st_mtime
    except OSError:
        return None


def saved_at(checkpoint: Path) -> datetime | None:
    """Return when the newest file was written, as a time; None if there is no file."""
    at_s = saved_s(checkpoint)
    return None if at_s is None else datetime.fromtimestamp(at_s, tz=timezone.utc)


def size_bytes(checkpoint: Path) -> int:
    """Return the size of all files of a checkpoint, including tsdia-run's; an unreadable file counts as 0."""
    total = 0
    inner = (Path(folder, name) for folder, _, names in os.walk(checkpoint) for name in names)
    for path in inner if os.path.isdir(checkpoint) else [checkpoint]:
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


def sealed_folder(checkpoint: Path) -> Path:
    """Return the sealed folder: the checkpoint, or a folder in it if a script saves into ``step_100/state``."""
    names, folders = _names(checkpoint)
    if any(map(CheckpointLayout.is_ours, names)):
        return checkpoint
    sealed = [checkpoint / one for one in folders if any(map(CheckpointLayout.is_ours, _names(checkpoint / one)[0]))]
    return sealed[0] if len(sealed) == 1 else checkpoint


def _names(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of the files and of the folders in a folder; none if it can't be read."""
    names: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                (folders if entry.is_dir() else names).append(entry.name)
    except OSError:
        return [], []
    return names, folders


def _files(checkpoint: Path) -> Iterator[Path]:
    count = 0
    for folder, _, names in os.walk(checkpoint):
        for name in names:
            if not CheckpointLayout.is_ours(name):
                yield Path(folder, name)
        count += len(names)
        if count > _MAX_FILES:
            return


def changed(before: Mapping[str, Stamp], after: Mapping[str, Stamp]) -> tuple[str, ...]:
    """Return the files that are new or were written since (pure)."""
    return tuple(name for name, stamp in after.items() if before.get(name) != stamp)


def sizes(checkpoint: Path, names: Iterable[str]) -> dict[str, int]:
    """Return the sizes of the files in bytes, without files that no longer exist."""
    found = {}
    for name in names:
        try:
            found[name] = os.stat(checkpoint / name).st_size
        except FileNotFoundError:
            continue
    return found


def make_durable(checkpoint: Path, names: Iterable[str]) -> None:
    """Flush files to disk, with the directories that contain them and the checkpoint's own entry.

    Raises:
        OSError: The disk is full or broken.
    """
    folders = {checkpoint.parent}
    for name in names:
        path = checkpoint / name
        try:
            sync(path)
        except FileNotFoundError:  # another rank's temporary file
            continue
        folders.add(path.parent)
    for folder in folders - {checkpoint}:
        sync(folder)


def sync(path: Path) -> None:
    """Flush a file, or the entries of a directory, to disk.

    Raises:
        OSError: The disk is full or broken.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if os.path.isdir(path) else open_fd(path)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
