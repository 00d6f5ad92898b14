"""Find files that have a git filter, such as Git LFS.

A filter is a program that the git configuration names. tsdia-run runs no filter: it may be missing, slow or untrusted.
Without it, git can't compare such a file with the commit, so a changed file with a filter is not in the patch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tsdia_run.provenance.git_process import Git, GitError, LimitError

# In the index file: the mode of a submodule, and the mark of an index that refers to another file.
_SUBMODULE_MODE, _SPLIT = b"\0\0\xe0\0", b"link"
# The mode of a submodule in the index, its commit, the stage and its path.
_SUBMODULE = re.compile(rb"(?:^|\0)160000 [0-9a-f]+ \d\t([^\0]+)")
# About a million files.
_MAX_INDEX_BYTES = 128 * 1024 * 1024
_NONE = ("unspecified", "unset", "set")


def names(settings: Mapping[str, str], section: str = "filter") -> frozenset[str]:
    """Return the names of the filters in a git configuration.

    Args:
        settings: Values by key, such as ``filter.lfs.clean``; the name in the middle may contain dots.
        section: The section to look in: ``filter``, or ``hook``, where git 2.54 and later find hooks.
    """
    parts = (key.split(".", 1)[1].rpartition(".") for key in settings if key.startswith(f"{section}."))
    return frozenset(name for name, _, _ in parts if name)


def without_programs(git: Git, settings: Mapping[str, str]) -> Git:
    """Return the same with the filters and hooks of a git configuration turned off.

    Raises:
        GitError: One of them can't be turned off.
    """
    return git.without(names(settings), names(settings, "hook"))


def repositories_in(git: Git, top: Path, index: Path) -> list[str]:
    """Return the submodules that are checked out, and other repositories that were added without `git submodule`.

    Args:
        git: Runs git.
        top: The top of the outer repository.
        index: Its index, which is searched first: most repositories have no submodules, and a git process takes longer.

    Raises:
        OSError, GitError: The index can't be read.
    """
    data = index.read_bytes() if index.exists() else b""
    if _SUBMODULE_MODE not in data and _SPLIT not in data:
        return []
    try:
        entries = git.run("ls-files", "--stage", "-z", cwd=top, limit_bytes=_MAX_INDEX_BYTES)
    except LimitError:
        return []
    paths = (os.fsdecode(path) for path in _SUBMODULE.findall(entries))
    return [path for path in paths if (top / path / ".git").exists()]


def read_config(git: Git, pattern: str, *where: str) -> dict[str, str]:
    """Return the settings whose keys match a pattern; for a key with several values, the last one."""
    try:
        answer = git.run("config", *where, "-z", "--get-regexp", pattern)
    except GitError:
        # Git fails if no key matches.
        return {}
    pairs = (entry.partition("\n") for entry in os.fsdecode(answer).split("\0") if entry)
    return {key: value for key, _, value in pairs}


def filtered(git: Git, top: Path, paths: Sequence[str]) -> dict[str, str]:
    """Return the files that have a filter, with the name of the filter.

    Args:
        git: Runs git.
        top: The top of the repository.
        paths: The files, relative to the top.

    Raises:
        GitError: Git failed.
    """
    if not git.filters or not paths:
        return {}
    given = b"".join(os.fsencode(path) + b"\0" for path in paths)
    answer = os.fsdecode(git.run("check-attr", "-z", "--stdin", "filter", cwd=top, given=given)).split("\0")
    values: Iterable[tuple[str, str]] = zip(answer[0::3], answer[2::3], strict=False)
    return {path: value for path, value in values if value not in _NONE and value in git.filters}
