"""Find out whether this process is a rank: started by the bootstrap, or a fork that is a rank itself."""

from __future__ import annotations

import os

_NAMES = ("RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID")


class RankProcess:
    """The process that creates this object, or a direct fork with a rank of its own.

    ``notebook_launcher`` and ``debug_launcher`` fork their ranks. Other forks, such as the workers of a data loader,
    only inherit the rank of their parent.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._identity = _identity()
        self._is_main: bool | None = None

    def is_this(self) -> bool:
        """Return whether the current process is that process."""
        pid = os.getpid()
        if pid == self._pid:
            return True
        identity = _identity()
        if not os.environ.get("RANK") or identity == self._identity or os.getppid() != self._pid:
            return False
        # Forks of this process are not ranks.
        self._pid, self._identity, self._is_main = pid, identity, None
        return True

    def is_main(self) -> bool:
        """Return whether the current process is that process, and the main rank.

        The first call reads the rank: a script may set it after its imports, and reading it takes a microsecond.
        """
        if not self.is_this():
            return False
        if self._is_main is None:
            self._is_main = os.environ.get("RANK", "0") in ("", "0")
        return self._is_main


def _identity() -> tuple[str | None, ...]:
    return tuple(os.environ.get(name) for name in _NAMES)
