"""Read and write git.json, the state of the code that an attempt ran."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from tsdia_run.files.atomic import write_json
from tsdia_run.files.fields import Fields, read_object
from tsdia_run.rundir.layout import AttemptLayout

_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class LeftOut:
    """A file that is not in the patch, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class CodeState:
    """The state of the working directory, from git.

    Paths are relative to the top of the repository. Each list has at most ``provenance.git.MAX_NAMES`` paths; the
    counts include all paths.

    Attributes:
        commit: The commit; None in a repository without commits.
        branch: The branch; None if HEAD is detached.
        remote: The URL of ``origin``, else of the first remote, without credentials.
        folder: The working directory.
        is_dirty: Whether the files differ from the commit.
        changed: Tracked files that differ.
        changed_count: The number of changed files.
        untracked: Files that git neither tracks nor ignores, without the runs.
        untracked_count: The number of untracked files.
        left_out: Files that are not in the patch.
        left_out_count: The number of files that are not in the patch.
        filtered: Those of them that are left out because of a git filter, such as Git LFS: no filter is run.
        submodules: Submodules with another commit, or with changes; the patch has their changes, too.
        redacted: Files of the patch with secrets removed. If one does not apply, use ``git apply --exclude``.
        is_redacted: Whether any file of the patch is redacted.
        is_private: Whether not every user can read each file of the patch. Then only the owner can read the patch.
        error: Why git could not report the state, or a part of it; None if it could.
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
    is_private: bool = False
    error: str | None = None


def write(attempt: AttemptLayout, state: CodeState) -> None:
    """Write the state of the code of an attempt.

    Raises:
        OSError: The file can't be written.
    """
    write_json(attempt.git, dataclasses.asdict(state))


def read(attempt: AttemptLayout) -> CodeState | None:
    """Return the state of the code of an attempt, as far as it can be read; None if it is not recorded."""
    data = read_object(attempt.git, _MAX_BYTES)
    if not data:
        return None
    fields = Fields(data, "the state of the code")
    left_out = (Fields(one, "it") for one in fields.lenient("left_out", list) or () if isinstance(one, dict))
    return CodeState(
        commit=fields.lenient("commit", str) or None,
        branch=fields.lenient("branch", str) or None,
        remote=fields.lenient("remote", str),
        folder=fields.lenient("folder", str),
        is_dirty=fields.lenient("is_dirty", bool),
        changed=fields.lenient_texts("changed") or (),
        changed_count=fields.lenient("changed_count", int) or 0,
        untracked=fields.lenient_texts("untracked") or (),
        untracked_count=fields.lenient("untracked_count", int) or 0,
        left_out=tuple(LeftOut(one.lenient("path", str) or "", one.lenient("reason", str) or "") for one in left_out),
        left_out_count=fields.lenient("left_out_count", int) or 0,
        filtered=fields.lenient_texts("filtered") or (),
        submodules=fields.lenient_texts("submodules") or (),
        redacted=fields.lenient_texts("redacted") or (),
        is_redacted=fields.lenient("is_redacted", bool) or False,
        is_private=fields.lenient("is_private", bool) or False,
        error=fields.lenient("error", str) or None,
    )
