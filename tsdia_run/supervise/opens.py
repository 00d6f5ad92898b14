"""What the opens of a checkpoint's files say about whether the script read it (pure)."""

from __future__ import annotations

READ, OTHER, NOT_READ, UNKNOWN = "read", "other", "not read", "unknown"


class Opens:
    """Follows opens in the order in which they happened.

    inotify doesn't say whether a file is opened to be read or written. An open counts as a read until something is
    written to the file; what was read or closed unwritten before that stays one.

    Attributes:
        is_sound: Whether every open is seen; once it is False, nothing can be said to be unread.
    """

    def __init__(self) -> None:
        self.is_sound = True
        # By file: None for the checkpoint that is resumed from, else the name of another one of the run.
        self._pending: dict[int, str | None] = {}
        self._confirmed: list[str | None] = []
        self._announced = self._excused = 0

    def announce(self) -> None:
        """A command of tsdia-run is about to open one file."""
        self._announced += 1
        self._excused += 1

    def retract(self) -> None:
        """It has done so; an excuse that it did not need does not outlive it."""
        self._announced = max(0, self._announced - 1)
        self._excused = min(self._excused, self._announced)

    def opened(self, file: int, checkpoint: str | None) -> None:
        """A file was opened: of the checkpoint to resume from, or of the other one that is named."""
        if self._excused:
            self._excused -= 1
        else:
            self._pending[file] = checkpoint

    def used(self, file: int) -> None:
        """Something was read from it, or it was closed with nothing written."""
        if file in self._pending:
            self._confirmed.append(self._pending.pop(file))

    def written(self, file: int) -> None:
        """Something was written to it."""
        self._pending.pop(file, None)

    @property
    def is_final(self) -> bool:
        """Whether the checkpoint was certainly read."""
        return None in self._confirmed

    @property
    def other(self) -> str | None:
        """The first other checkpoint that was read."""
        return next((name for name in (*self._confirmed, *self._pending.values()) if name is not None), None)

    @property
    def answer(self) -> str:
        """One of the words above."""
        if None in self._confirmed or None in self._pending.values():
            return READ
        if not self.is_sound:
            return UNKNOWN
        return NOT_READ if self.other is None else OTHER
