"""Find the checkpoints of a run in order, its exports, and the unrecognised files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdia_run import patterns as globs
from tsdia_run.checkpoints import files, manifest, naming, recognition
from tsdia_run.checkpoints.naming import Checkpoint, read_name
from tsdia_run.checkpoints.order import FoundCheckpoint, in_order
from tsdia_run.checkpoints.patterns_file import stored_patterns
from tsdia_run.checkpoints.recognition import EntryKind
from tsdia_run.checkpoints.walking import Folder, listing, walk
from tsdia_run.errors import DamagedRunError
from tsdia_run.files.opening import names_in
from tsdia_run.rundir.layout import OWN_NAMES

__all__ = ["Checkpoint", "FoundCheckpoint", "Survey", "aside", "find", "in_order", "kind_of", "survey"]

_ASIDE_SUFFIX = ".saving"
_TRACKERS = frozenset({"wandb", "tensorboard", "mlruns", "mlartifacts", "__pycache__"})
_LOGS = "logs"


@dataclass(frozen=True)
class Survey:
    """The saved files of a training.

    Attributes:
        checkpoints: The checkpoints that a training can resume from, the oldest first.
        exports: Directories and files that contain only weights.
        unrecognised: Files with a weight suffix that belong to neither.
    """

    checkpoints: tuple[Checkpoint, ...]
    exports: tuple[Path, ...]
    unrecognised: tuple[Path, ...]


class _Surveyor:
    """Sorts the directories and files of a walk.

    Args:
        root: The run directory.
        patterns: ``checkpoints.pattern``.
    """

    def __init__(self, root: Path, patterns: tuple[str, ...]) -> None:
        self.root = root
        self.patterns = patterns
        self.checkpoints: list[Checkpoint] = []
        self.named_by: dict[Path, str] = {}
        self.exports: list[Path] = []
        self.unknown: list[Path] = []
        self.companions: list[Path] = []
        self.inodes: dict[tuple[int, int], int] = {}

    def enter(self, folder: Folder) -> bool:
        """Classify a directory; return whether to search it."""
        if folder.depth == 0:
            return True
        path, name = folder.path, folder.path.name
        if name in _TRACKERS or (path.parent == self.root and name in OWN_NAMES - {_LOGS}):
            return False
        is_empty = not (folder.here.files | folder.here.folders | folder.links)
        if self._take_by_pattern(path) or (is_empty and self._is_log(path)):
            return False
        kind = recognition.of_folder(
            _numbered_name(path, folder.real), folder.here, lambda below: listing(f"{folder.real}/{below}")
        )
        if kind is EntryKind.CHECKPOINT:
            self.checkpoints.append(_named(path, folder.real))
        elif kind is EntryKind.EXPORT:
            self.exports.append(path)
        return kind is None

    def file(self, path: Path, real: str) -> None:
        """Classify a single file."""
        if self._take_by_pattern(path):
            return
        name = _numbered_name(path, real)
        kind = recognition.of_file(name)
        if kind is EntryKind.CHECKPOINT:
            self._take_file(_named(path, real))
        elif kind is EntryKind.EXPORT:
            self.exports.append(path)
        elif kind is EntryKind.COMPANION:
            self.companions.append(path)
        elif name.lower().endswith(naming.WEIGHT_SUFFIXES) and not self._is_log(path):
            self.unknown.append(path)

    def _is_log(self, path: Path) -> bool:
        return _LOGS in path.relative_to(self.root).parts[:1]

    def _take_by_pattern(self, path: Path) -> bool:
        below = path.relative_to(self.root).as_posix() if self.patterns else ""
        for pattern in self.patterns:
            regex = globs.compiled(pattern)
            match = regex.fullmatch(below) if regex else None
            if match:
                found = {key: int(value) for key, value in match.groupdict().items()}
                self.checkpoints.append(Checkpoint(path, **found) if found else _named(path, str(path)))
                self.named_by[path] = pattern
                return True
        return False

    def _take_file(self, found: Checkpoint) -> None:
        """Keep one name of a file with several (timm links ``last`` to the newest numbered file): the numbered one."""
        try:
            status = found.path.stat()
        except OSError:
            return
        inode = (status.st_dev, status.st_ino)
        if status.st_nlink == 1 or inode not in self.inodes:
            self.inodes[inode] = len(self.checkpoints)
            self.checkpoints.append(found)
        elif read_name(self.checkpoints[self.inodes[inode]].path) is None:
            self.checkpoints[self.inodes[inode]] = found

    def result(self) -> Survey:
        """Return the result of the walk, in order."""
        folders = {one.path.parent for one in self.checkpoints}
        lone = [path for path in self.companions if path.parent not in folders and path.name != recognition.ARGUMENTS]
        return Survey(
            in_order(_with_facts(self.checkpoints, self.named_by)),
            tuple(sorted(self.exports)),
            tuple(sorted([*self.unknown, *lone])),
        )


def survey(run_dir: Path, patterns: Sequence[str] | None = None) -> Survey:
    """Return everything that a training saved below ``run_dir``, within the limits of the walk.

    Links are followed. Each real directory and file counts once, with its real path if that is within the run.
    Unreadable entries are skipped.

    Args:
        run_dir: The run directory, or a folder of checkpoints.
        patterns: ``checkpoints.pattern``; None for those of the run's newest attempt.
    """
    surveyor = _Surveyor(run_dir, stored_patterns(run_dir) if patterns is None else tuple(patterns))
    walk(run_dir, surveyor.enter, surveyor.file)
    return surveyor.result()


def find(run_dir: Path, patterns: Sequence[str] | None = None) -> tuple[Checkpoint, ...]:
    """Return the checkpoints of a run, the oldest first."""
    return survey(run_dir, patterns).checkpoints


def kind_of(path: Path) -> EntryKind | None:
    """Return the kind of a directory or file at any path; None if it is neither a checkpoint nor an export."""
    name = _numbered_name(path, os.path.realpath(path))
    if os.path.isdir(path):
        return recognition.of_folder(name, listing(path), lambda below: listing(path / below))
    return recognition.of_file(name) if os.path.isfile(path) else None


def _numbered_name(path: Path, real: str) -> str:
    """Return the name of the link or of its target: the one that contains a number."""
    real_name = os.path.basename(real)
    return real_name if read_name(path) is None and read_name(Path(real_name)) else path.name


def _named(path: Path, real: str) -> Checkpoint:
    named = read_name(path.with_name(_numbered_name(path, real)))
    return Checkpoint(path, named.step, named.epoch, named.iteration) if named else Checkpoint(path)


def _with_facts(found: Sequence[Checkpoint], patterns: dict[Path, str]) -> list[FoundCheckpoint]:
    """Add the data of manifests and the times of files if the names don't give the order."""
    plain = [FoundCheckpoint(one, pattern=patterns.get(one.path)) for one in found]
    is_clear = len({one.family for one in plain}) <= 1
    return [one if is_clear and one.named.step is not None else _with_times(one, is_clear) for one in plain]


def _with_times(one: FoundCheckpoint, is_clear: bool) -> FoundCheckpoint:
    path = one.named.path
    try:
        written = manifest.read(files.sealed_folder(path))
    except DamagedRunError:
        written = None
    if written:
        return FoundCheckpoint(one.named, written.step, written.epoch, written.saved_at.timestamp(), one.pattern)
    return one if is_clear else FoundCheckpoint(one.named, saved_s=_saved_s(path), pattern=one.pattern)


def _saved_s(path: Path) -> float | None:
    # A copy of the best checkpoint is never newer than the original.
    return 0.0 if naming.is_best(path.name) and os.path.isfile(path) else files.saved_s(path)


def aside(checkpoint: Path) -> Path:
    """Where a checkpoint of the helper is written before it gets its name."""
    return checkpoint.with_name(f".{checkpoint.name}{_ASIDE_SUFFIX}")


def written_aside(run_dir: Path) -> list[Path]:
    """The checkpoints that have no name yet, or never got one."""
    return [run_dir / name for name in names_in(run_dir) if name.startswith(".") and name.endswith(_ASIDE_SUFFIX)]
