"""Whether another user could have written a file whose content decides what runs."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trust:
    """Whose files may decide what runs.

    A file that its group can write is trusted: with a umask of 002 every file is, and the group can change the scripts
    next to it too. docs/decisions/0019-files-of-others.md has the reasons.

    Attributes:
        owners: User ids.
        folders: Real paths of folders whose contents are trusted, also if other users own them.
    """

    owners: frozenset[int]
    folders: tuple[Path, ...] = ()

    @classmethod
    def here(cls, cwd: Path, folders: Sequence[str] = ()) -> Trust:
        """Return the trust of this process: in its user, in root, and, for root, in the owner of ``cwd``.

        Args:
            cwd: The working directory.
            folders: Absolute paths of further trusted folders; other texts are ignored.
        """
        user = os.geteuid()
        owners = {0, user} if user else {0, os.stat(cwd).st_uid}
        real = (Path(os.path.realpath(folder)) for folder in folders if os.path.isabs(folder))
        return cls(frozenset(owners), tuple(real))

    def doubt(self, path: Path, opened: os.stat_result | None = None) -> str | None:
        """Return why a file is not trusted, as text for users; None if it is trusted.

        Args:
            path: The file, or a directory.
            opened: The status of the open file, if it was read already.
        """
        try:
            return self._doubt(path, opened or os.stat(path))
        except OSError as error:
            return f"its owner can't be read ({error.strerror})"

    def _doubt(self, path: Path, opened: os.stat_result) -> str | None:
        real = Path(os.path.realpath(path))
        if any(folder == real or folder in real.parents for folder in self.folders):
            return None
        # The owner of a symlink chooses the file, and relative paths in the file start in the folder.
        for status, what in (
            (opened, "it"),
            (os.lstat(path), "the symlink"),
            (os.stat(path.parent), f"the directory {path.parent}"),
        ):
            if status.st_uid not in self.owners:
                return f"{what} belongs to {_name(status.st_uid)}"
        if opened.st_mode & stat.S_IWOTH:
            return "every user can write to it"
        folders = dict.fromkeys((*Path(os.path.abspath(path)).parents, *real.parents))
        open_to_all = next((folder for folder in folders if _is_open_to_all(folder)), None)
        return None if open_to_all is None else f"every user can write to the directory {open_to_all}"


def other_owner(path: Path) -> str | None:
    """Return the user that owns a file, as text for users; None if it is this user, or can't be read."""
    try:
        user = os.stat(path).st_uid
    except OSError:
        return None
    return None if user == os.geteuid() else _name(user)


def _is_open_to_all(folder: Path) -> bool:
    """Return whether every user can replace the files of others in a folder; not if it is sticky, such as ``/tmp``."""
    mode = os.stat(folder).st_mode
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def _name(user: int) -> str:
    import pwd  # needed only for this text

    try:
        return f"the user {pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"the user with the id {user}"
