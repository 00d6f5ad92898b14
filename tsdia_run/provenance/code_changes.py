"""Collect the uncommitted changes of a repository and its submodules, as a patch."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tsdia_run.files.atomic import mode_of
from tsdia_run.files.opening import open_regular
from tsdia_run.files.redaction import Redactor
from tsdia_run.provenance import git_filters, lfs, patch
from tsdia_run.provenance.git_process import Git, GitError, LimitError
from tsdia_run.provenance.git_status import Status
from tsdia_run.provenance.repository import Diff, Repository
from tsdia_run.rundir.code_state import LeftOut

MAX_FILE_BYTES = 1024 * 1024
MAX_UNTRACKED_BYTES = 16 * 1024 * 1024
MAX_UNTRACKED_FILES = 1000
# A tracked file: its patch is mostly small, but git loads the file into memory; so does tsdia-run if it is binary.
MAX_TRACKED_BYTES = 8 * 1024 * 1024


# Without a look into submodules: git would run their filters. Each one is asked on its own, its filters turned off.
_STATUS = tuple(
    "status --porcelain=v2 --branch -z --untracked-files=all --no-renames --no-ahead-behind"
    " --ignore-submodules=dirty".split()
)


class CodeChanges:
    """Collects uncommitted changes. All paths are relative to the top of the outermost repository.

    Attributes:
        branch: The branch of the outermost repository; None if HEAD is detached.
        changed: Tracked files that differ from the commit.
        untracked: Untracked files that git does not ignore, without the files in the run root.
        left_out: The changed and untracked files that are not in the patch.
        filtered: The files of ``left_out`` that have a git filter.
        submodules: Submodules with another commit or with uncommitted changes.
        redacted: Files in the patch from which secrets were removed.
        patch: The patch, in parts, without secrets.
        is_private: Whether the patch has a file that not every user can read.
        errors: The errors of git.
    """

    def __init__(self, top: Path, exclude: Sequence[Path], redactor: Redactor) -> None:
        self._top = top
        self._exclude = tuple(os.path.realpath(path) + os.sep for path in exclude)
        self._redactor = redactor
        self.branch: str | None = None
        self.changed: list[str] = []
        self.untracked: list[str] = []
        self.left_out: list[LeftOut] = []
        self.filtered: list[str] = []
        self.submodules: list[str] = []
        self.redacted: list[str] = []
        self.patch: list[bytes] = []
        self.is_private = False
        self.errors: list[str] = []

    def collect(self, git: Git, place: Repository, inside: str = "") -> None:
        """Add the changes of one repository; ``inside`` is its path in the outermost one (``""`` or ``sub/``)."""
        try:
            status = Status.parse(git.run(*_STATUS, cwd=place.top))
            untracked = [path for path in status.untracked if not self._is_among_runs(inside + path)]
            self.branch = self.branch if inside else status.branch
            behind = git_filters.filtered(git, place.top, [*status.changed, *untracked])
            stored = {path: blob for path, blob in status.blobs.items() if behind.get(path) == "lfs"}
            same = lfs.unchanged(git, place.top, stored)
            changed = [path for path in status.changed if path not in same]
            self.changed += [inside + path for path in changed]
            self.untracked += [inside + path for path in untracked]
            self.submodules += [inside + path for path in status.submodules]
            without = self._unwanted(changed, inside, behind)
            taken = self._chosen(untracked, inside, behind)
            if taken or len(changed) > len(without):
                self._add_all(Diff(git, place, taken, inside), changed, [*without, *same], inside)
            inner = git_filters.repositories_in(git, place.top, place.git_dir / "index")
        except (GitError, OSError) as error:
            self.errors.append(f"{inside}: {error}" if inside else str(error))
            return
        for path in inner:
            self._collect_inner(git.at(place.top / path), inside + path)

    def _collect_inner(self, git: Git, path: str) -> None:
        """Add the changes in a submodule, and the submodule itself if it has any."""
        at, known = len(self.changed), len(self.changed) + len(self.untracked)
        try:
            place = Repository.of(git)
            git = git_filters.without_programs(git, git_filters.read_config(git, r"^(filter|hook)\."))
        except (GitError, OSError) as error:
            self.errors.append(f"{path}/: {error}")
            return
        if place.top != Path(os.path.realpath(git.cwd)):
            return  # its configuration names another directory
        self.collect(git, place, f"{path}/")
        if len(self.changed) + len(self.untracked) > known and path not in self.submodules:
            self.changed.insert(at, path)
            self.submodules.append(path)

    def _is_among_runs(self, path: str) -> bool:
        return os.path.join(self._top, path).startswith(self._exclude)

    def _unwanted(self, changed: Sequence[str], inside: str, behind: Mapping[str, str]) -> list[str]:
        """Return the tracked files that must not be in the patch."""
        found = []
        for path in changed:
            reason = "inside the run root" if self._is_among_runs(inside + path) else None
            reason = reason or _why_not(self._top / inside / path, MAX_TRACKED_BYTES)[0]
            reason = reason or self._why_filtered(path, inside, behind)
            if reason:
                found.append(path)
                self.left_out.append(LeftOut(inside + path, reason))
        return found

    def _why_filtered(self, path: str, inside: str, behind: Mapping[str, str]) -> str | None:
        # The patch of a deleted file needs no filter.
        if path not in behind or not os.path.lexists(self._top / inside / path):
            return None
        self.filtered.append(inside + path)
        return f"tsdia-run does not run its git filter {behind[path]}"

    def _chosen(self, untracked: Sequence[str], inside: str, behind: Mapping[str, str]) -> list[str]:
        """Choose the untracked files for the patch, small folders first, since a folder with many files is data."""
        sizes = Counter(_folder(path) for path in untracked)
        taken: list[str] = []
        total_bytes = 0
        for path in sorted(untracked, key=lambda path: (sizes[_folder(path)], path)):
            reason: str | None = f"more than {MAX_UNTRACKED_FILES} untracked files"
            size_bytes = 0
            if len(taken) < MAX_UNTRACKED_FILES:
                reason, size_bytes = _why_not(self._top / inside / path, MAX_FILE_BYTES)
            if path.endswith("/"):
                reason = "a nested git repository"
            elif reason is None and total_bytes + size_bytes > MAX_UNTRACKED_BYTES:
                reason = f"the untracked files together are larger than {MAX_UNTRACKED_BYTES} bytes"
            reason = reason or self._why_filtered(path, inside, behind)
            if reason is None:
                taken.append(path)
                total_bytes += size_bytes
            else:
                self.left_out.append(LeftOut(inside + path, reason))
        return taken

    def _add_all(self, diff: Diff, changed: Sequence[str], without: Sequence[str], inside: str) -> None:
        """Add the patch of all files. If git fails on some files, add the patch of the others."""
        try:
            self._add(diff.of([], without))
            return
        except LimitError:
            raise
        except GitError as error:
            paths = [path for path in (*changed, *diff.taken) if path not in frozenset(without)]
            if len(paths) > MAX_UNTRACKED_FILES:
                raise GitError(f"{error}, among {len(paths)} files") from error
        waiting = [paths]
        while waiting:
            part = waiting.pop()
            try:
                self._add(diff.of(part, ()))
            except LimitError:
                raise
            except GitError as error:
                half = len(part) // 2
                if half:
                    waiting += [part[half:], part[:half]]
                else:
                    self.left_out.append(LeftOut(inside + part[0], f"git failed: {error}"))

    def _add(self, data: bytes) -> None:
        for section in patch.sections(data):
            path = os.fsdecode(section.path)
            if section.is_binary and self._has_secret(self._top / path):
                self.left_out.append(LeftOut(path, "binary file that contains a secret"))
                continue
            clean = self._redactor.data(section.data)
            if clean != section.data:
                self.redacted.append(path)
            self.patch.append(clean)
            self.is_private |= not mode_of(self._top / path) & stat.S_IROTH

    def _has_secret(self, file: Path) -> bool:
        if file.is_symlink() or not file.is_file():
            return False
        with open_regular(file) as opened:
            data = opened.read()
        return self._redactor.data(data) != data


def _folder(path: str) -> str:
    """Return the first folder of a path; for a file at the top, the file itself."""
    return path.partition("/")[0]


def _why_not(file: Path, limit_bytes: int) -> tuple[str | None, int]:
    """Return why a file must not be in a patch, or None, and its size in bytes."""
    if patch.looks_secret(file.name):
        return "looks like a secret", 0
    try:
        status = file.lstat()
    except FileNotFoundError:
        # Deleted: a patch can represent that.
        return None, 0
    except OSError as error:
        return f"can't be read: {error.strerror}", 0
    if status.st_size > limit_bytes:
        return f"larger than {limit_bytes} bytes", 0
    if not file.is_symlink() and not os.access(file, os.R_OK):
        return "can't be read: no permission", 0
    return None, status.st_size
