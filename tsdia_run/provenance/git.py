"""The state of the code: what git knows, and a patch of what it does not know yet.

``git checkout COMMIT && git apply git.patch`` gives the code back as it was. Nothing is written into the repository.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tsdia_run.files.redaction import Redactor
from tsdia_run.provenance import git_filters
from tsdia_run.provenance.code_changes import CodeChanges, LeftOut, Repository
from tsdia_run.provenance.git_process import Git, GitError
from tsdia_run.text import visible

LIMIT_S = 20.0
# A data set that nobody ignored has names by the hundred thousand; git.json is for people.
MAX_NAMES = 200


@dataclass(frozen=True)
class CodeState:
    """What git says about the working directory.

    Paths are relative to the top of the repository, at most ``MAX_NAMES`` of a kind; the counts are of all.

    Attributes:
        commit: The commit; None before the first one.
        branch: None where HEAD is detached.
        remote: Address of ``origin``, else of the first remote, without credentials.
        folder: The working directory.
        is_dirty: Whether anything differs from the commit.
        changed: Tracked files that differ.
        changed_count: How many.
        untracked: Files that git does not know and does not ignore, the runs excepted.
        untracked_count: How many.
        left_out: Files that are not in the patch.
        left_out_count: How many.
        filtered: Those among them that a git filter stands before, such as Git LFS: no filter is run.
        submodules: Submodules with another commit, or with changes of their own, which are in the patch too.
        redacted: Files of the patch that secrets were taken out of; where one does not apply, ``git apply --exclude``.
        is_redacted: Whether there are any.
        error: Why git could not tell, or not all of it; None where it could.
    """

    commit: str | None = None
    branch: str | None = None
    remote: str | None = None
    folder: str | None = None
    is_dirty: bool | None = None
    changed: tuple[str, ...] = ()
    changed_count: int = 0
    untracked: tuple[str, ...] = ()
    untracked_count: int = 0
    left_out: tuple[LeftOut, ...] = ()
    left_out_count: int = 0
    filtered: tuple[str, ...] = ()
    submodules: tuple[str, ...] = ()
    redacted: tuple[str, ...] = ()
    is_redacted: bool = False
    error: str | None = None


def capture_code(cwd: Path, redactor: Redactor, exclude: Sequence[Path]) -> tuple[CodeState, bytes]:
    """The state of the code around a directory.

    Args:
        cwd: The working directory of the training.
        redactor: Knows the secrets that must not be in the patch.
        exclude: Folders whose files are no code: the runs.

    Returns:
        The state, and the patch; empty where nothing differs or git could not tell.
    """
    try:
        git = Git(cwd, time.monotonic() + LIMIT_S)
        place = Repository.of(git)
        settings = git_filters.read_config(git, r"^(remote\..*\.url|filter\..*)$")
        git = git.without(git_filters.names(settings) | git_filters.of_submodules(git, place.top))
        remote = _remote(settings)
    except (GitError, OSError) as error:
        return CodeState(error=_shown(str(error), redactor)), b""
    changes = CodeChanges(place.top, exclude, redactor)
    changes.collect(git, place)
    state = CodeState(
        commit=place.commit,
        remote=None if remote is None else redactor.url(_shown(remote, redactor)),
        folder=_shown(os.path.relpath(os.path.realpath(cwd), place.top), redactor),
    )
    return _with_changes(state, changes, redactor), b"".join(changes.patch)


def _with_changes(state: CodeState, changes: CodeChanges, redactor: Redactor) -> CodeState:
    def names(paths: Sequence[str]) -> tuple[str, ...]:
        return tuple(_shown(path, redactor) for path in paths[:MAX_NAMES])

    is_dirty = bool(changes.changed or changes.untracked)
    return replace(
        state,
        branch=None if changes.branch is None else _shown(changes.branch, redactor),
        is_dirty=None if changes.errors and not is_dirty else is_dirty,
        changed=names(changes.changed),
        changed_count=len(changes.changed),
        untracked=names(changes.untracked),
        untracked_count=len(changes.untracked),
        left_out=tuple(LeftOut(_shown(one.path, redactor), one.reason) for one in changes.left_out[:MAX_NAMES]),
        left_out_count=len(changes.left_out),
        filtered=names(changes.filtered),
        submodules=names(changes.submodules),
        redacted=names(changes.redacted),
        is_redacted=bool(changes.redacted),
        error=_shown("; ".join(changes.errors), redactor) or None,
    )


def _remote(settings: Mapping[str, str]) -> str | None:
    addresses = {key: address for key, address in settings.items() if key.startswith("remote.")}
    return addresses.get("remote.origin.url") or next(iter(addresses.values()), None)


def _shown(text: str, redactor: Redactor) -> str:
    """A text for JSON: without secrets, in one clean line."""
    return redactor.text(visible(text))
