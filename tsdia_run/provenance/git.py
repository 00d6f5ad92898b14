"""Record the state of the code: the commit, and a patch of the uncommitted changes.

``git checkout COMMIT && git apply git.patch`` restores the code. tsdia-run writes nothing into the repository.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tsdia_run.files.redaction import Redactor
from tsdia_run.provenance import git_filters
from tsdia_run.provenance.code_changes import CodeChanges
from tsdia_run.provenance.git_process import Git, GitError
from tsdia_run.provenance.repository import Repository
from tsdia_run.rundir.code_state import CodeState, LeftOut
from tsdia_run.text import visible

LIMIT_S = 20.0
# A data set that is not in .gitignore may have 100,000 files; git.json must stay readable.
MAX_NAMES = 200


def capture_code(cwd: Path, redactor: Redactor, exclude: Sequence[Path]) -> tuple[CodeState, bytes]:
    """Return the state of the code around a directory.

    Args:
        cwd: The working directory of the training.
        redactor: Removes secrets from the patch.
        exclude: Folders without code: the run root.

    Returns:
        The state, and the patch. The patch is empty if nothing differs or git failed.
    """
    try:
        git = Git(cwd, time.monotonic() + LIMIT_S)
        place = Repository.of(git)
        settings = git_filters.read_config(git, r"^(remote\..*\.url|(filter|hook)\..*)$")
        git = git_filters.without_programs(git, settings)
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
        is_private=changes.is_private,
        error=_shown("; ".join(changes.errors), redactor) or None,
    )


def _remote(settings: Mapping[str, str]) -> str | None:
    addresses = {key: address for key, address in settings.items() if key.startswith("remote.")}
    return addresses.get("remote.origin.url") or next(iter(addresses.values()), None)


def _shown(text: str, redactor: Redactor) -> str:
    """Return a text for JSON: without secrets, in one clean line."""
    return redactor.text(visible(text))
