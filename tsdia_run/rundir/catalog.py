"""The user's own list of runs: the paths of all that he started on this machine, one a line, the oldest first.

``$XDG_STATE_HOME/tsdia-run/runs`` (https://specifications.freedesktop.org/basedir-spec/latest/). It only helps to find
runs by their names: a line whose directory is gone is passed over, and without the file nothing is lost but that help.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def path(environ: Mapping[str, str]) -> Path:
    """Where the list is."""
    state = environ.get("XDG_STATE_HOME", "")
    # The specification: a relative path there is to be ignored.
    base = Path(state) if os.path.isabs(state) else Path(environ.get("HOME", "/")) / ".local" / "state"
    return base / "tsdia-run" / "runs"


def note(run_dir: Path, environ: Mapping[str, str]) -> None:
    """Add a run. Where the list can't be written, the run goes without."""
    file = path(environ)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, os.fsencode(run_dir) + b"\n")
        finally:
            os.close(fd)


def listed(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The runs on the list, each once, whether they still are there or not."""
    try:
        lines = path(environ).read_bytes().split(b"\n")
    except OSError:
        return ()
    return tuple(Path(os.fsdecode(line)) for line in dict.fromkeys(lines) if line.startswith(b"/"))
