"""Parse the output of ``git status --porcelain=v2 --branch -z --no-renames`` (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# The path is the last of a fixed number of fields and may contain spaces.
_FIELDS_BEFORE_PATH = {"1": 7, "u": 9}


@dataclass(frozen=True)
class Status:
    """The state of one repository; paths are relative to its top.

    Attributes:
        commit: HEAD; None before the first commit.
        branch: The branch; None if HEAD is detached.
        changed: Tracked files, and submodules, that differ from HEAD.
        untracked: Untracked files that git does not ignore; a nested repository ends with a slash.
        blobs: The object in HEAD of each file that differs only in the content of its working copy.
        submodules: The submodules among ``changed``: they have another commit.
    """

    commit: str | None
    branch: str | None
    changed: tuple[str, ...]
    untracked: tuple[str, ...]
    submodules: tuple[str, ...]
    blobs: Mapping[str, str]

    @classmethod
    def parse(cls, data: bytes) -> Status:
        """Parse the output."""
        commit = branch = None
        changed, untracked, submodules, blobs = [], [], [], {}
        for entry in data.decode("utf-8", "surrogateescape").split("\0"):
            kind, _, rest = entry.partition(" ")
            if entry.startswith("# branch.oid ") and "(initial)" not in entry:
                commit = entry.split()[-1]
            elif entry.startswith("# branch.head ") and "(detached)" not in entry:
                branch = entry.split(" ", 2)[2]
            elif kind == "?":
                untracked.append(rest)
            elif kind in _FIELDS_BEFORE_PATH:
                fields = rest.split(" ", _FIELDS_BEFORE_PATH[kind])
                changed.append(fields[-1])
                # Only the working copy is modified, and its mode is the same.
                if kind == "1" and fields[0] == ".M" and fields[2] == fields[4]:
                    blobs[fields[-1]] = fields[5]
                if fields[1].startswith("S"):
                    submodules.append(fields[-1])
        return cls(commit, branch, tuple(changed), tuple(untracked), tuple(submodules), blobs)
