"""The state of a checkpoint, and how many ranks saved it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tsdia_run.checkpoints import files, hashes, manifest, marks, structure
from tsdia_run.checkpoints.finding import Checkpoint
from tsdia_run.checkpoints.manifest import Manifest
from tsdia_run.checkpoints.marks import Mark
from tsdia_run.errors import DamagedRunError
from tsdia_run.text import count, size

# Called with the number of bytes hashed so far, and the total.
OnProgress = Callable[[int, int], None]
# During a save the markers may change between the read of the markers and the read of the manifest.
_LOOKS = 3
_RANDOM_STATES = re.compile(r"random_states_\d+\.pkl")


class Soundness(Enum):
    """The state of a checkpoint.

    Attributes:
        COMPLETE: It has every file that its manifest lists.
        INCOMPLETE: Its last save was not finished, or files are missing or cut off.
        DAMAGED: Its files differ from what was saved, or can't be read.
        UNVERIFIED: It has no manifest, and its files have no visible fault.
    """

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    DAMAGED = "damaged"
    UNVERIFIED = "unverified"


@dataclass(frozen=True)
class Verdict:
    """The state of a checkpoint, and the reason.

    Attributes:
        path: The checkpoint.
        state: Its state.
        reason: The reason in words, with the name of the file.
        manifest: Its manifest, if it has a readable one.
        is_hashed: Whether the contents of the files were compared with the hashes.
    """

    path: Path
    state: Soundness
    reason: str
    manifest: Manifest | None = None
    is_hashed: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether it may be loaded."""
        return self.state not in (Soundness.INCOMPLETE, Soundness.DAMAGED)


@dataclass(frozen=True)
class Choice:
    """The checkpoint to resume from.

    Attributes:
        chosen: The newest checkpoint that is usable.
        skipped: The unusable ones that are newer, the newest first.
    """

    chosen: Verdict | None
    skipped: tuple[Verdict, ...]


class _UnusableError(Exception):
    """A check failed: carries the state and the reason to ``judge``."""

    def __init__(self, state: Soundness, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


def judge(
    path: Path,
    *,
    hashed: bool = False,
    by_structure: bool = False,
    on_progress: OnProgress = lambda _done, _total: None,
) -> Verdict:
    """Check a checkpoint and return its state.

    Args:
        path: The directory, or the file.
        hashed: Also read all files and compare their hashes, if it has hashes; else only sizes and structure.
        by_structure: Check only the structure of the files, even if the checkpoint is sealed.
        on_progress: Receives the progress of the hashing.
    """
    found: Manifest | None = None
    try:
        sealed = files.sealed_folder(path)
        found = None if by_structure else _sealed_manifest(sealed)
        if found is None:
            return _file_by_structure(path) if os.path.isfile(path) else _by_structure(path)
        _check_files(sealed, found.files)
        is_hashed = hashed and _check_hashes(sealed, found, on_progress)
    except _UnusableError as error:
        return Verdict(path, error.state, error.reason, found)
    except DamagedRunError as error:
        return Verdict(path, Soundness.DAMAGED, error.message)
    except OSError as error:
        state = Soundness.INCOMPLETE if isinstance(error, FileNotFoundError) else Soundness.DAMAGED
        # The name is a file descriptor's number if the failure came after the file was opened.
        name = path if isinstance(error.filename, int) else error.filename or path
        return Verdict(path, state, f"{name} can't be read: {error.strerror}", found)
    what = f"{count(len(found.files), 'file')}, {size(found.size_bytes)}"
    reason = f"sealed by {count(len(found.ranks), 'rank')}: {what}; {'hashes' if is_hashed else 'sizes'} match"
    return Verdict(path, Soundness.COMPLETE, reason, found, is_hashed)


def newest_complete(
    checkpoints: Iterable[Checkpoint], *, hashed: bool = False, on_progress: OnProgress = lambda _done, _total: None
) -> Choice:
    """Return the newest usable checkpoint, and the newer ones that were skipped.

    Args:
        checkpoints: The oldest first, as ``find`` returns them.
        hashed: As for ``judge``.
        on_progress: As for ``judge``; starts from zero for each checkpoint.
    """
    skipped: list[Verdict] = []
    for checkpoint in reversed(tuple(checkpoints)):
        verdict = judge(checkpoint.path, hashed=hashed, on_progress=on_progress)
        if verdict.is_usable:
            return Choice(verdict, tuple(skipped))
        skipped.append(verdict)
    return Choice(None, tuple(skipped))


def unfinished(path: Path) -> tuple[Mark, ...]:
    """Return the markers of saves that are not in the manifest: these saves began and are not finished.

    Raises:
        OSError: The directory can't be read.
        DamagedRunError: A save marker or the manifest can't be used.
    """
    there: tuple[Mark, ...] = ()
    path = files.sealed_folder(path)
    for _ in range(_LOOKS):
        there = marks.read(path)
        found = manifest.read(path)
        there = tuple(mark for mark in there if found is None or found.saves.get(mark.rank) != mark.save)
        if not there:
            break
    return there


def world_size(checkpoint: Path, manifest: Manifest | None) -> int | None:
    """Return how many ranks saved a checkpoint, from its manifest or its random states; None if it has neither."""
    if manifest is not None:
        return manifest.world_size
    return sum(_RANDOM_STATES.fullmatch(name) is not None for name in files.stamps(checkpoint)) or None


def is_sharded(checkpoint: Path) -> bool:
    """Whether each rank saved a part of the state: FSDP and DeepSpeed save into subfolders."""
    return any("/" in name for name in files.stamps(checkpoint))


def _sealed_manifest(path: Path) -> Manifest | None:
    if unfinished(path):
        why = marks.missing(marks.read(path)) or "the manifest was not written"
        raise _UnusableError(Soundness.INCOMPLETE, f"the last save was not finished: {why}")
    return manifest.read(path)


def _by_structure(path: Path) -> Verdict:
    names = files.stamps(path)
    lacking = structure.missing_file(names)
    if lacking:
        raise _UnusableError(Soundness.INCOMPLETE, lacking)
    for name in names:
        # Without a manifest the size that the file had is unknown: a save that was cut off is the usual cause.
        _check_structure(path, name, Soundness.INCOMPLETE)
    return Verdict(path, Soundness.UNVERIFIED, f"no manifest; no problems found in {count(len(names), 'file')}")


def _file_by_structure(path: Path) -> Verdict:
    found = structure.file_fault(path)
    if found:
        raise _UnusableError(Soundness.INCOMPLETE, found)
    return Verdict(path, Soundness.UNVERIFIED, "no manifest; no problems found in the file")


def _check_files(path: Path, expected: Mapping[str, int]) -> None:
    for name, size_bytes in expected.items():
        try:
            actual_bytes = (path / name).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            raise _UnusableError(Soundness.INCOMPLETE, f"{name} is missing") from None
        if actual_bytes != size_bytes:
            state = Soundness.INCOMPLETE if actual_bytes < size_bytes else Soundness.DAMAGED
            raise _UnusableError(state, f"{name} has {actual_bytes} bytes, but the manifest has {size_bytes}")
    for name in expected:
        _check_structure(path, name, Soundness.DAMAGED)


def _check_structure(path: Path, name: str, state: Soundness) -> None:
    found = structure.fault(path / name)
    if found:
        raise _UnusableError(state, f"{name}: {found}")


def _check_hashes(path: Path, expected: Manifest, on_progress: OnProgress) -> bool:
    digests = hashes.read(path, expected)
    if digests is None:
        return False
    done_bytes = 0

    def read(number_bytes: int) -> None:
        nonlocal done_bytes
        done_bytes += number_bytes
        on_progress(done_bytes, expected.size_bytes)

    for name in expected.files:
        if name in digests and hashes.digest(path / name, read) != digests[name]:
            raise _UnusableError(Soundness.DAMAGED, f"{name} differs from what was saved: the sha256 does not match")
    return True
