"""Read and extend the user's list of runs: the paths of all runs started on this machine, oldest first.

The file is ``$XDG_STATE_HOME/tsdia-run/runs`` (https://specifications.freedesktop.org/basedir-spec/latest/), with one
path a line. It only helps to find runs by name: a path that no longer exists is skipped, and the file may be deleted.
``mounts``, next to it, has the mount points of their file systems. So a start can tell a removed run from a run whose
disk is not mounted.
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


def path(environ: Mapping[str, str]) -> Path:
    """Return the path of the list."""
    state = environ.get("XDG_STATE_HOME", "")
    # The specification says to ignore a relative path.
    base = Path(state) if os.path.isabs(state) else Path(environ.get("HOME", "/")) / ".local" / "state"
    return base / "tsdia-run" / "runs"


def note(run_dir: Path, environ: Mapping[str, str]) -> None:
    """Add a run to the list. Does nothing if the list can't be written."""
    file = path(environ)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        _append(file, run_dir)
        real = Path(os.path.realpath(run_dir))
        mount = next(one for one in (real, *real.parents) if os.path.ismount(one))
        if mount not in _paths(_mounts(environ)):
            _append(_mounts(environ), mount)


def missing_mount(run_dir: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the mount point whose file system had a run at this path, if nothing is mounted there now.

    Args:
        run_dir: The run directory. If it exists, the answer is None.
        environ: The environment, which says where the list is.
    """
    if os.path.lexists(run_dir):
        return None
    known = set(_paths(_mounts(environ)))
    mount = next(
        (one for one in Path(os.path.realpath(run_dir)).parents if one in known and not os.path.ismount(one)), None
    )
    return mount if mount is not None and run_dir in listed(environ) else None


def listed(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the runs on the list, each once, whether they still exist or not."""
    return _paths(path(environ))


def _mounts(environ: Mapping[str, str]) -> Path:
    return path(environ).with_name("mounts")


def _append(file: Path, line: Path) -> None:
    fd = open_to_append(file, 0o600)
    try:
        os.write(fd, os.fsencode(line) + b"\n")
    finally:
        os.close(fd)


def _paths(file: Path) -> tuple[Path, ...]:
    try:
        lines = read_bounded(file, _MAX_BYTES).split(b"\n")
    except (OSError, ValueError):
        return ()
    return tuple(Path(os.fsdecode(line)) for line in dict.fromkeys(lines) if line.startswith(b"/"))
