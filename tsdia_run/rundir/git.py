"""The state of the code: what git knows, and a patch of what it does not know yet.

``git checkout COMMIT && git apply git.patch`` gives the code back as it was. Git is asked without locks, prompts, hooks
and the user's diff settings; nothing is written into the repository.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.rundir.redaction import Redactor

LIMIT_S = 20.0
MAX_FILE_BYTES = 1024 * 1024
MAX_UNTRACKED_BYTES = 16 * 1024 * 1024
MAX_PATCH_BYTES = 64 * 1024 * 1024

_SECRET_FILES = tuple(
    ".env .env.* *.env *.pem *.key *.p12 *.pfx *.kdbx *.keystore .netrc _netrc .pypirc .npmrc .htpasswd id_rsa* id_dsa*"
    " id_ecdsa* id_ed25519* credentials* *credentials.json secrets* service_account*.json".split()
)
_OPTIONS = tuple("-c core.fsmonitor=false -c core.quotePath=false".split())
# Without the user's settings: the patch must apply elsewhere.
_DIFF = tuple(
    "diff --binary --full-index --no-ext-diff --no-textconv --no-color --no-renames --src-prefix=a/ --dst-prefix=b/"
    " --submodule=short --ignore-submodules=dirty".split()
)
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@dataclass(frozen=True)
class LeftOut:
    """A file that is not in the patch, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class CodeState:
    """What git says about the working directory.

    Attributes:
        commit: The commit; None before the first one.
        branch: None where HEAD is detached.
        remote: Address of ``origin``, without credentials.
        folder: The working directory, relative to the top of the repository.
        is_dirty: Whether anything differs from the commit.
        changed: Tracked files that differ.
        untracked: Files that git does not know and does not ignore.
        left_out: Files that are not in the patch.
        submodules: Submodules with another commit or with changes of their own.
        is_redacted: Whether secrets were taken out of the patch, which then does not apply there.
        error: Why git could not tell; None where it could.
    """

    commit: str | None = None
    branch: str | None = None
    remote: str | None = None
    folder: str | None = None
    is_dirty: bool | None = None
    changed: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    submodules: tuple[str, ...] = ()
    is_redacted: bool = False
    error: str | None = None


class _GitError(Exception):
    """Git could not tell; the text says why."""


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
        return _capture(_Git(cwd), redactor, exclude)
    except (_GitError, OSError) as error:
        return CodeState(error=redactor.text(str(error))), b""


class _Git:
    """Runs git in one directory, all calls within one time limit."""

    def __init__(self, cwd: Path) -> None:
        self._program = shutil.which("git")
        self._cwd = cwd
        self._deadline_s = time.monotonic() + LIMIT_S

    def run(self, *words: str, index: str | None = None, given: bytes = b"", may_fail: bool = False) -> bytes:
        """The standard output of a git command.

        Raises:
            _GitError: It failed, took too long, or said too much.
        """
        if self._program is None:
            raise _GitError("git is not installed")
        # Whatever the user's GIT_* variables redirect, they do not speak of this directory.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environ |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        if index is not None:
            environ["GIT_INDEX_FILE"] = index
        try:
            done = subprocess.run(
                [self._program, *_OPTIONS, *words],
                cwd=self._cwd,
                env=environ,
                input=given,
                capture_output=True,
                timeout=max(0.1, self._deadline_s - time.monotonic()),
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _GitError(f"git did not answer within {LIMIT_S:.0f} s") from error
        if done.returncode and not may_fail:
            raise _GitError(_reason(done.stderr.decode("utf-8", "replace")))
        return done.stdout


def _reason(said: str) -> str:
    if "not a git repository" in said:
        return "not in a git repository"
    lines = said.strip().splitlines()
    return lines[0].removeprefix("fatal: ") if lines else "git failed without a word"


def _capture(git: _Git, redactor: Redactor, exclude: Sequence[Path]) -> tuple[CodeState, bytes]:
    places = git.run("rev-parse", "--show-toplevel", "--show-prefix", "--absolute-git-dir").split(b"\n")
    top, folder, git_dir = (os.fsdecode(place) for place in places[:3])
    status = _Status.parse(git.run("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all"))
    remote = os.fsdecode(git.run("config", "--get", "remote.origin.url", may_fail=True)).strip()
    inside = tuple(os.path.relpath(os.path.realpath(path), top) + os.sep for path in exclude)
    untracked = [path for path in status.untracked if not path.startswith(inside)]
    taken, left_out = _choose(Path(top), status.changed, untracked)
    patch = _patch(git, Path(top), Path(git_dir, "index"), status, taken, left_out)
    redacted = redactor.data(patch)
    state = CodeState(
        commit=status.commit,
        branch=status.branch,
        remote=redactor.url(remote) or None,
        folder=folder or ".",
        is_dirty=bool(status.changed or untracked),
        changed=_shown(status.changed, redactor),
        untracked=_shown(untracked, redactor),
        left_out=tuple(LeftOut(_shown([one.path], redactor)[0], one.reason) for one in left_out),
        submodules=_shown(status.submodules, redactor),
        is_redacted=redacted != patch,
    )
    return state, redacted


def _shown(paths: Sequence[str], redactor: Redactor) -> tuple[str, ...]:
    """Names for JSON: without secrets, and what is not UTF-8 as escapes."""
    return tuple(
        redactor.text(path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")) for path in paths
    )


@dataclass(frozen=True)
class _Status:
    """``git status --porcelain=v2 --branch -z``."""

    commit: str | None
    branch: str | None
    changed: tuple[str, ...]
    untracked: tuple[str, ...]
    submodules: tuple[str, ...]

    @classmethod
    def parse(cls, data: bytes) -> _Status:
        commit = branch = None
        changed, untracked, submodules = [], [], []
        entries = iter(os.fsdecode(data).split("\0"))
        for entry in entries:
            kind, _, rest = entry.partition(" ")
            if entry.startswith("# branch.oid ") and "(initial)" not in entry:
                commit = entry.split()[-1]
            elif entry.startswith("# branch.head ") and "(detached)" not in entry:
                branch = entry.split(" ", 2)[2]
            elif kind == "?":
                untracked.append(rest)
            elif kind in ("1", "2", "u"):
                # The path is the last of a fixed number of fields and may have spaces in it.
                fields = rest.split(" ", {"1": 7, "2": 8, "u": 9}[kind])
                changed.append(fields[-1])
                if fields[1].startswith("S"):
                    submodules.append(fields[-1])
                if kind == "2":
                    changed.append(next(entries))
        return cls(commit, branch, tuple(changed), tuple(untracked), tuple(submodules))


def _choose(top: Path, changed: Sequence[str], untracked: Sequence[str]) -> tuple[list[str], list[LeftOut]]:
    """The untracked files for the patch, and the files, tracked ones too, that must not be in it."""
    left_out = [LeftOut(path, "looks like a secret") for path in changed if _looks_secret(path)]
    taken, total_bytes = [], 0
    for path in untracked:
        reason, size_bytes = _why_not(top / path, path)
        if reason is None and total_bytes + size_bytes > MAX_UNTRACKED_BYTES:
            reason = f"all untracked files together are larger than {MAX_UNTRACKED_BYTES} bytes"
        if reason is None:
            taken.append(path)
            total_bytes += size_bytes
        else:
            left_out.append(LeftOut(path, reason))
    return taken, left_out


def _why_not(file: Path, path: str) -> tuple[str | None, int]:
    try:
        status = file.lstat()
    except OSError as error:
        return f"can't be read: {error.strerror}", 0
    if _looks_secret(path):
        return "looks like a secret", 0
    if path.endswith("/"):
        return "a repository of its own", 0
    if status.st_size > MAX_FILE_BYTES:
        return f"larger than {MAX_FILE_BYTES} bytes", 0
    if not file.is_symlink() and not os.access(file, os.R_OK):
        return "can't be read", 0
    return None, status.st_size


def _looks_secret(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _SECRET_FILES)


def _patch(
    git: _Git, top: Path, index: Path, status: _Status, taken: Sequence[str], left_out: Sequence[LeftOut]
) -> bytes:
    """Staged, unstaged and untracked changes as one patch, made with a copy of the index."""
    if not status.changed and not taken:
        return b""
    with tempfile.TemporaryDirectory(prefix="tsdia-run-") as folder:
        copied = os.path.join(folder, "index")
        if index.exists():
            shutil.copyfile(index, copied)
        if taken:
            named = b"\0".join(os.fsencode(f":(top,literal){path}") for path in taken)
            git.run(
                "add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul", index=copied, given=named
            )
        without = [f":(top,exclude,literal){one.path}" for one in left_out if one.path in status.changed]
        words = [*_DIFF, status.commit or _EMPTY_TREE, "--", ":(top)", *without]
        patch = git.run(*words, index=copied)
    if len(patch) > MAX_PATCH_BYTES:
        raise _GitError(f"the changes since the commit are larger than {MAX_PATCH_BYTES} bytes")
    return patch
