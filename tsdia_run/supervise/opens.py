"""Decide from the opens of a checkpoint's files whether the script read it (pure)."""

from __future__ import annotations

READ, OTHER, NOT_READ, UNKNOWN = "read", "other", "not read", "unknown"


class Opens:
    """Tracks opens in the order in which they happened.

    inotify does not report whether a file is opened for reading or writing. So an open counts as a read until the file
    is written. An open that was read from, or closed without a write, remains a read.

    Attributes:
        is_sound: Whether every open is seen; if it is False, an unread checkpoint counts as unknown.
    """

    def __init__(self) -> None:
        self.is_sound = True
        # By file: None for the checkpoint of the resume, otherwise the name of another checkpoint.
        self._pending: dict[int, str | None] = {}
        self._confirmed: list[str | None] = []
        self._announced = self._excused = 0

    def announce(self) -> None:
        """Note that a tsdia-run command is about to open one file."""
        self._announced += 1
        self._excused += 1

    def retract(self) -> None:
        """Note that the command is done; an unused excuse ends with it."""
        self._announced = max(0, self._announced - 1)
        self._excused = min(self._excused, self._announced)

    def opened(self, file: int, checkpoint: str | None) -> None:
        """Note an open of a file of the checkpoint of the resume (None), or of another checkpoint."""
        if self._excused:
            self._excused -= 1
        else:
            self._pending[file] = checkpoint

    def used(self, file: int) -> None:
        """Note a read from the file, or a close without a write."""
        if file in self._pending:
            self._confirmed.append(self._pending.pop(file))

    def written(self, file: int) -> None:
        """Note a write to the file."""
        self._pending.pop(file, None)

    @property
    def is_final(self) -> bool:
        """Whether the checkpoint was certainly read."""
        return None in self._confirmed

    @property
    def other(self) -> str | None:
        """The first other checkpoint that was read; None if none was."""
        return next((name for name in (*self._confirmed, *self._pending.values()) if name is not None), None)

    @property
    def answer(self) -> str:
        """The result: ``read``, ``other``, ``not read`` or ``unknown``."""
        if None in self._confirmed or None in self._pending.values():
            return READ
        if not self.is_sound:
            return UNKNOWN
        return NOT_READ if self.other is None else OTHER
