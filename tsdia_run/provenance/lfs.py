"""Compare files of Git LFS with the commit, without running git-lfs.

The commit has a pointer: the sha256 and the size of the file (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
Without the filter, git compares the file with the pointer, so a file with a new time stamp would count as changed.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from tsdia_run.files.opening import open_regular
from tsdia_run.provenance.git_process import Git, GitError

# In all files together: they are read in about a second.
MAX_BYTES = 1024 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)


def unchanged(git: Git, top: Path, blobs: Mapping[str, str]) -> frozenset[str]:
    """Return the files whose content is the one that their pointer names.

    Args:
        git: Runs git.
        top: The top of the repository.
        blobs: The object in the commit of each file; all of them are in Git LFS.

    Raises:
        OSError: Git could not be started.
    """
    if not blobs:
        return frozenset()
    given = "".join(f"{blob}\n" for blob in blobs.values()).encode()
    try:
        answer = git.run("cat-file", "--batch", cwd=top, given=given)
    except GitError:  # a partial clone that lacks a pointer, or files that were committed without Git LFS
        return frozenset()
    pointers = dict(zip(blobs, _contents(answer), strict=False))
    left_bytes, found = MAX_BYTES, set()
    for path, pointer in pointers.items():
        named = _POINTER.fullmatch(pointer)
        size_bytes = int(named[2]) if named else 0
        if named and size_bytes <= left_bytes and _has(top / path, named[1].decode(), size_bytes):
            left_bytes -= size_bytes
            found.add(path)
    return frozenset(found)


def _contents(answer: bytes) -> list[bytes]:
    """Return the objects of ``git cat-file --batch``; an object that is missing is empty."""
    found, at = [], 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        words = answer[at:end].split()
        at = end + 1
        size = int(words[2]) if len(words) == 3 else None
        found.append(answer[at : at + size] if size is not None else b"")
        at += 0 if size is None else size + 1
    return found


def _has(path: Path, sha256: str, size_bytes: int) -> bool:
    """Return whether a regular file has this content."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size != size_bytes:
            return False
        digest = hashlib.sha256()
        with open_regular(path, follows_links=False) as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError:
        return False
    return digest.hexdigest() == sha256
