"""The relay's code as it was at the start, for a second relay: an upgrade may have replaced the files meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import tsdia_run

RELAY = Path(tsdia_run.__file__).parent / "relay"


class RelayCopy:
    """An archive of the relay in memory, which Python runs like a file.

    Until it is made, the relay is started from its files.

    Attributes:
        fds: The archive, which the relay inherits; empty until it is made.
    """

    def __init__(self) -> None:
        self.fds: tuple[int, ...] = ()

    @property
    def path(self) -> str:
        """What Python is to run."""
        return str(RELAY / "__main__.py") if not self.fds else f"/proc/self/fd/{self.fds[0]}"

    def make(self) -> None:
        """Read the files.

        Raises:
            OSError: They can't be read, or there is no memory.
        """
        import zipfile  # 10 ms, for which the start need not wait

        fd = os.memfd_create("tsdia-run-relay")
        with os.fdopen(os.dup(fd), "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for source in sorted(RELAY.glob("*.py")):
                archive.write(source, source.name)
        self.fds = (fd,)

    def close(self) -> None:
        """Let the archive go."""
        for fd in self.fds:
            os.close(fd)
        self.fds = ()
