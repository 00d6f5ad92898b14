"""Find the processes of a run by the tag in their environment."""

from __future__ import annotations

import os
from contextlib import suppress

from tsdia_run.rundir import env


def members(run_id: str) -> list[int]:
    """Return all live processes with the tag of the run, including those that left their parents and sessions.

    Returns an empty list without /proc: users read runs on other systems too, where no run can be running.
    """
    tag = f"{env.RUN_ID}={run_id}".encode()
    found: list[int] = []
    names: list[str] = []
    with suppress(FileNotFoundError):
        names = os.listdir("/proc")
    for name in names:
        if name.isdigit() and int(name) != os.getpid():
            # Exited in the meantime, or owned by another user. A zombie has an empty environment.
            with suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                if tag in file.read().split(b"\0"):
                    found.append(int(name))
    return found
