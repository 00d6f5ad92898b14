"""Keep a copy of the relay's code to restart the relay, since an upgrade may replace the files."""

from __future__ import annotations

import os

from tsdia_run.outcome.journal_files import RELAY


class RelayCopy:
    """An archive of the relay in memory, which Python runs like a file.

    Before the archive exists, the relay is started from its files.

    Attributes:
        fds: The descriptor of the archive, which the relay inherits; empty before the archive exists.
    """

    def __init__(self) -> None:
        self.fds: tuple[int, ...] = ()

    @property
    def path(self) -> str:
        """The path that Python runs to start the relay."""
        return str(RELAY / "__main__.py") if not self.fds else f"/proc/self/fd/{self.fds[0]}"

    def make(self) -> None:
        """Create the archive from the files.

        Raises:
            OSError: The files can't be read, or there is not enough memory.
        """
        import zipfile  # takes 10 ms, which must not delay the start

        fd = os.memfd_create("tsdia-run-relay")
        with os.fdopen(os.dup(fd), "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for source in sorted(RELAY.glob("*.py")):
                archive.write(source, source.name)
        self.fds = (fd,)

    def close(self) -> None:
        """Close the archive."""
        for fd in self.fds:
            os.close(fd)
        self.fds = ()
