"""The run directory by an open descriptor, so that no write reaches another directory at the same path."""

from __future__ import annotations

import os
from pathlib import Path

from tsdia_run.files.atomic import write_bytes
from tsdia_run.files.reserve import drop_reserve, make_reserve, write_into_reserve
from tsdia_run.rundir.layout import RunLayout

_NAMES = RunLayout(Path())
# More than one attempt adds to a record: its reason, its warnings and the measured values.
_GROWTH_BYTES = 16 * 1024


class HeldDirectory:
    """Writes the record of a run into the directory that was at its path when this object was made.

    Args:
        root: The run directory.

    Raises:
        OSError: It can't be opened.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._device = os.fstat(self._fd).st_dev
        self._has_reserve = False

    def absence(self) -> str | None:
        """Return why the path does not lead to the file system of the run; None if it does.

        If it does, a missing directory was removed. Otherwise nothing may be created at the path: it is below a mount
        point that has lost its file system.
        """
        for path in (self._root, *self._root.parents):
            try:
                found = os.stat(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                return error.strerror
            return None if found.st_dev == self._device else "its file system is no longer mounted"
        return None

    def reserve(self, record: bytes) -> None:
        """Reserve room for the last write of the record; without room, the next call tries again.

        Args:
            record: The current content of the record.
        """
        if self._has_reserve:
            return
        try:
            make_reserve(_NAMES.reserve, len(record) + _GROWTH_BYTES, self._fd)
        except OSError:  # also on file systems that can't reserve
            return
        self._has_reserve = True

    def write(self, record: bytes) -> None:
        """Write the record.

        Raises:
            OSError: It can't be written; the old record is unchanged.
        """
        write_bytes(_NAMES.record, record, dir_fd=self._fd)

    def write_last(self, record: bytes) -> None:
        """Write the record for the last time, into the reserve if there is no other room.

        Raises:
            OSError: It can't be written; the old record is unchanged.
        """
        try:
            self.write(record)
        except OSError as error:
            try:
                write_into_reserve(_NAMES.reserve, _NAMES.record, record, self._fd)
            except OSError:
                raise error from None
        drop_reserve(_NAMES.reserve, self._fd)

    def close(self) -> None:
        """Close the descriptor. Closing twice has no effect."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
