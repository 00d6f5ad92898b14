"""Find the project of a directory: the nearest folder upward with a tsdia-run.yml, a pyproject.toml or a repository."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.rundir.layout import RunLayout

# A worktree or a submodule of git has a file `.git`; each is a project of its own.
MARKERS = ("tsdia-run.yml", "pyproject.toml", ".git")
_RECORD = RunLayout(Path()).record.name


@dataclass(frozen=True)
class Project:
    """A project.

    Attributes:
        folder: Its folder; without a marker, the directory from which it was looked up.
        run: The run that contains this directory; None outside of runs.
        is_marked: Whether the folder has a marker.
    """

    folder: Path
    run: Path | None
    is_marked: bool


def project_of(cwd: Path) -> Project:
    """Return the project of a directory. A run is part of a project: markers in its code copies do not count."""
    runs = [folder for folder in (cwd, *cwd.parents) if os.path.lexists(folder / _RECORD)]
    start = runs[-1].parent if runs else cwd
    marked = marked_folder(start)
    return Project(marked or start, runs[0] if runs else None, marked is not None)


def marked_folder(start: Path) -> Path | None:
    """Return the nearest folder, from ``start`` upward, that has a marker; None if no folder has one."""
    folders = (start, *start.parents)
    return next((one for one in folders if any(os.path.lexists(one / name) for name in MARKERS)), None)


def runs_of(folder: str, known: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the known runs of a project: those started from it, and those in its folder.

    A run that was started from a project further inside is part of only that one.

    Args:
        folder: The folder of the project.
        known: The runs, each with the project from which it was started; None if that is not known.
    """
    inside = folder.rstrip("/") + "/"
    nested = {one for one in set(known.values()) if one is not None and one.startswith(inside)}
    # A project may have had no marker at the start of its run, or it may have lost its marker.
    separate = {one for one in nested if str(marked_folder(Path(one))) != folder}
    for path, recorded in known.items():
        if recorded not in separate and (recorded in nested or recorded == folder or path.startswith(inside)):
            yield path
