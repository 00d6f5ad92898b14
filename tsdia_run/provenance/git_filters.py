"""Find files that have a git filter, such as Git LFS.

A filter is a program that the git configuration names. tsdia-run runs no filter: it may be missing, slow or untrusted.
Without it, git can't compare such a file with the commit, so a changed file with a filter is not in the patch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tsdia_run.provenance.git_process import Git, GitError

_MAX_DEPTH = 4
_NONE = ("unspecified", "unset", "set")


def names(settings: Mapping[str, str]) -> frozenset[str]:
    """Return the names of the filters in a git configuration.

    Args:
        settings: Values by key, such as ``filter.lfs.clean``; the name in the middle may contain dots.
    """
    parts = (key.split(".", 1)[1].rpartition(".") for key in settings if key.startswith("filter."))
    return frozenset(name for name, _, _ in parts if name)


def of_submodules(git: Git, top: Path, depth: int = 0) -> frozenset[str]:
    """Return the names of the filters in the submodules, since ``git status`` reads the submodules too.

    Args:
        git: Runs git.
        top: The top of the outer repository.
        depth: The number of repositories around it.
    """
    if depth == _MAX_DEPTH or not (top / ".gitmodules").is_file():
        return frozenset()
    found: frozenset[str] = frozenset()
    paths = read_config(git.at(top), r"^submodule\..*\.path$", "--file", ".gitmodules").values()
    for folder in (top / path for path in paths):
        if (folder / ".git").exists():
            found |= names(read_config(git.at(folder), r"^filter\.")) | of_submodules(git, folder, depth + 1)
    return found


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
