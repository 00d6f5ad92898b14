"""The processes of a run, found by the tag that each of them has in its environment."""

from __future__ import annotations

import os
from contextlib import suppress

from tsdia_run.rundir import env


def members(run_id: str) -> list[int]:
    """All living processes that carry the tag of the run, also those that left their parents and sessions.

    None are seen where there is no /proc: runs are looked at on other systems too, where none of ours can live.
    """
    tag = f"{env.RUN_ID}={run_id}".encode()
    found: list[int] = []
    names: list[str] = []
    with suppress(FileNotFoundError):
        names = os.listdir("/proc")
    for name in names:
        if name.isdigit() and int(name) != os.getpid():
            # Gone meanwhile, or of another user. A zombie has an empty environment.
            with suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                if tag in file.read().split(b"\0"):
                    found.append(int(name))
    return found
