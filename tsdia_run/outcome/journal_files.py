"""The journal of the output in files (``logs.journal: file``): what remains when relay and supervisor are killed.

The supervisor and the relay hold a lock on the journal. If both were killed, the next process that records the ending
of the attempt starts a relay, which writes the rest of the output to the log.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import tsdia_run
from tsdia_run.files.atomic import write_json
from tsdia_run.files.fields import read_object
from tsdia_run.files.locks import Locking, lock
from tsdia_run.files.opening import open_fd
from tsdia_run.rundir.layout import RunLayout

RELAY = Path(tsdia_run.__file__).parent / "relay"
_OPEN = os.O_RDWR | os.O_NOFOLLOW
_LIMIT_S = 60.0
_MOST_BYTES = 64 * 1024


class JournalFiles:
    """The files of one attempt's journal.

    Args:
        layout: The files of the run.
        number: The number of the attempt.
    """

    def __init__(self, layout: RunLayout, number: int) -> None:
        self.folder = layout.journal(number)

    def create(self, settings: Mapping[str, object]) -> tuple[int, int]:
        """Create and lock them.

        Args:
            settings: The relay's settings, which another relay must have too.

        Returns:
            The descriptors of data and state.

        Raises:
            OSError: They can't be created.
        """
        self.folder.mkdir()
        write_json(self.folder / "settings.json", dict(settings), is_durable=False)
        data, state = (open_fd(self.folder / name, _OPEN | os.O_CREAT | os.O_EXCL, 0o600) for name in ("data", "state"))
        lock(data)
        return data, state

    def remove(self) -> None:
        """Remove them; the log has everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def write_rest(self, log: Path) -> None:
        """Write to the log what a killed relay had taken, unless a relay is still running.

        Args:
            log: The log of the attempt.

        Raises:
            OSError: The journal can't be read, or no process can be started.
        """
        settings = read_object(self.folder / "settings.json", _MOST_BYTES)
        data, state = (open_fd(self.folder / name, _OPEN) for name in ("data", "state"))
        try:
            if lock(data) is Locking.BUSY:
                return
            os.lseek(data, 0, os.SEEK_END)  # a relay takes the position for the end of the output
            _run_relay(log, settings, (data, state))
        finally:
            os.close(data)
            os.close(state)
        self.remove()


def write_rest(layout: RunLayout, number: int, log: str) -> None:
    """Write to the log of an attempt what its killed relay had taken, if its journal is in files.

    Args:
        layout: The files of the run. The caller holds the claim.
        number: The number of the attempt.
        log: Its log, relative to the run.
    """
    files = JournalFiles(layout, number)
    is_inside = not os.path.isabs(log) and ".." not in Path(log).parts  # a record must not choose another place
    if is_inside and os.path.isdir(files.folder):
        with suppress(OSError, subprocess.SubprocessError):  # the log lacks its end, as without a journal
            files.write_rest(layout.root / log)


def _run_relay(log: Path, settings: Mapping[str, object], journal: tuple[int, int]) -> None:
    control_read, control = os.pipe()
    os.close(control)  # the supervisor is dead
    spec = {"log": str(log), "mode": "pipes", "control": control_read, "journal": journal, "settings": settings}
    try:
        subprocess.run(
            [sys.executable, "-S", "-E", str(RELAY / "__main__.py"), "tsdia_run relay", json.dumps(spec)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(*journal, control_read),
            timeout=_LIMIT_S,
            check=False,
        )
    finally:
        os.close(control_read)
