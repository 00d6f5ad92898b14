"""Read and extend the user's list of runs: all runs started on this machine, oldest first.

The file is ``$XDG_STATE_HOME/tsdia-run/runs`` (https://specifications.freedesktop.org/basedir-spec/latest/). A line has
the path of a run and, after a tab, the folder of the project from which it was started. The list only helps to find
runs: a path that no longer exists is skipped, and the file may be deleted. ``mounts``, next to it, has the mount points
of their file systems. So a start can tell a removed run from a run whose disk is not mounted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tsdia_run.files.fields import read_bounded
from tsdia_run.files.opening import open_to_append

# Hundreds of thousands of runs.
_MAX_BYTES = 64 * 1024 * 1024
_BETWEEN = "\t"


def path(environ: Mapping[str, str]) -> Path:
    """Return the path of the list."""
    state = environ.get("XDG_STATE_HOME", "")
    # The specification says to ignore a relative path.
    base = Path(state) if os.path.isabs(state) else Path(environ.get("HOME", "/")) / ".local" / "state"
    return base / "tsdia-run" / "runs"


def note(run_dir: Path, project: Path, environ: Mapping[str, str]) -> None:
    """Add a run to the list. Does nothing if the list can't be written.

    Args:
        run_dir: The run.
        project: The folder of the project from which it is started.
        environ: The environment.
    """
    file = path(environ)
    # The path of a run has no control characters; that of a project may.
    line = str(run_dir) if {_BETWEEN, "\n"} & set(str(project)) else f"{run_dir}{_BETWEEN}{project}"
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        _append(file, line)
        real = Path(os.path.realpath(run_dir))
        mount = next(str(one) for one in (real, *real.parents) if os.path.ismount(one))
        if mount not in _lines(_mounts(environ)):
            _append(_mounts(environ), mount)


def missing_mount(run_dir: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the mount point whose file system had a run at this path, if nothing is mounted there now.

    Args:
        run_dir: The run directory. If it exists, the answer is None.
        environ: The environment, which says where the list is.
    """
    if os.path.lexists(run_dir):
        return None
    mounts = set(_lines(_mounts(environ)))
    parents = Path(os.path.realpath(run_dir)).parents
    mount = next((one for one in parents if str(one) in mounts and not os.path.ismount(one)), None)
    return mount if mount is not None and str(run_dir) in known(environ) else None


def known(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return the runs on the list, whether they still exist or not, each with its project, if that is known."""
    found: dict[str, str | None] = {}
    for line in _lines(path(environ)):
        if line.startswith("/"):
            run_dir, _, project = line.partition(_BETWEEN)
            found[run_dir] = project.partition(_BETWEEN)[0] or None
    return found


def _mounts(environ: Mapping[str, str]) -> Path:
    return path(environ).with_name("mounts")


def _append(file: Path, line: str) -> None:
    fd = open_to_append(file, 0o600)
    try:
        os.write(fd, os.fsencode(line) + b"\n")
    finally:
        os.close(fd)


def _lines(file: Path) -> list[str]:
    try:
        return os.fsdecode(read_bounded(file, _MAX_BYTES)).split("\n")
    except (OSError, ValueError):
        return []
