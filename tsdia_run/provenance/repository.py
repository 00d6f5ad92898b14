"""A repository, and its staged, unstaged and untracked changes as a patch."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.provenance.git_process import Git

MAX_PATCH_BYTES = 32 * 1024 * 1024
# Independent of the user's git settings: the patch must apply on other machines.
_DIFF = tuple(
    "diff --binary --full-index --no-ext-diff --no-textconv --no-color --no-renames"
    " --unified=3 --inter-hunk-context=0 --submodule=short --ignore-submodules=dirty".split()
)
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@dataclass(frozen=True)
class Repository:
    """The paths and the commit of a repository.

    Attributes:
        top: The top of its working tree, with symlinks resolved.
        git_dir: The directory that contains its index.
        commit: HEAD; None before the first commit.
    """

    top: Path
    git_dir: Path
    commit: str | None

    @classmethod
    def of(cls, git: Git) -> Repository:
        """Return the repository that contains a directory.

        Raises:
            GitError: The directory is not in a repository, or git does not trust the repository.
        """
        # This order handles folder names with newlines. Before the first commit, git fails at HEAD, which is the last
        # one.
        answer = git.run("rev-parse", "--show-cdup", "--absolute-git-dir", "HEAD", may_fail=True)
        cdup, _, rest = answer.removesuffix(b"\n").partition(b"\n")
        git_dir, _, commit = rest.rpartition(b"\n")
        return cls(
            top=Path(os.path.realpath(git.cwd / os.fsdecode(cdup))),
            git_dir=Path(os.fsdecode(git_dir)),
            commit=None if commit == b"HEAD" else commit.decode("ascii"),
        )


class Diff:
    """Staged, unstaged and untracked changes of a repository as a patch.

    Git includes an untracked file in a diff if the index names the file. So the diff uses a copy of the index that
    names the untracked files.

    Attributes:
        taken: The untracked files.
    """

    def __init__(self, git: Git, place: Repository, taken: Sequence[str], inside: str) -> None:
        self.taken = taken
        self._git = git
        self._place = place
        self._words = (*_DIFF, f"--src-prefix=a/{inside}", f"--dst-prefix=b/{inside}", place.commit or _EMPTY_TREE)

    def of(self, paths: Sequence[str], without: Sequence[str]) -> bytes:
        """Return the patch.

        Args:
            paths: The files to include; empty for all.
            without: The files to exclude.

        Raises:
            GitError: Git failed.
        """
        which = [f":(top,literal){path}" for path in paths] or [":(top)"]
        words = (*self._words, "--", *which, *(f":(top,exclude,literal){path}" for path in without))
        if not self.taken:
            return self._git.run(*words, cwd=self._place.top, limit_bytes=MAX_PATCH_BYTES)
        with tempfile.TemporaryDirectory(prefix="tsdia-run-") as folder:
            index = Path(folder, "index")
            self._add_taken(index)
            return self._git.run(*words, cwd=self._place.top, index=index, limit_bytes=MAX_PATCH_BYTES)

    def _add_taken(self, index: Path) -> None:
        if (self._place.git_dir / "index").exists():
            # With its time stamp: git uses it to find files that may have changed later without a new size or time.
            shutil.copy2(self._place.git_dir / "index", index)
        # Git never reads the object, since the file differs from it. (`git add --intent-to-add` would write an object.)
        commit = self._place.commit or _EMPTY_TREE
        entries = b"".join(b"100644 %s\t%s\0" % (commit.encode(), os.fsencode(path)) for path in self.taken)
        self._git.run("update-index", "-z", "--index-info", cwd=self._place.top, index=index, given=entries)
