"""Where runs are, and which directories are runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.errors.lookups import NoSuchFolder
from tsdia_run.rundir import catalog

# runs/exp, runs/project/exp and runs/project/group/exp are found.
_DEPTH = 2


@dataclass(frozen=True)
class Places:
    """Where to look for runs.

    Attributes:
        roots: Folders that hold runs, or runs themselves.
        listed: Runs that the user started elsewhere.
    """

    roots: tuple[Path, ...]
    listed: tuple[Path, ...] = ()


def places(named: Sequence[str] | None = None) -> Places:
    """The roots that were named, and nothing else; else those of the settings, and the user's own list.

    Raises:
        NotFoundError: A root that was named is not there.
        ConfigError: The project file can't be used.
    """
    cwd = Path.cwd()
    if named:
        roots = tuple(cwd / os.path.expanduser(root) for root in named)
        for root in roots:
            if not os.path.isdir(root):
                raise NoSuchFolder(root)
        return Places(roots)
    # Not for those who name the roots: `list` over thousands of runs starts in half of the time.
    from tsdia_run.settings import resolve
    from tsdia_run.settings.from_files import project_layer

    settings = resolve([project_layer(cwd)])
    return Places(tuple(cwd / os.path.expanduser(root) for root in settings.roots), catalog.listed(os.environ))


def run_dirs(places: Places, is_known: Callable[[str], bool] | None = None) -> Iterator[str]:
    """Every run directory, once. A folder that may not be read counts as a run: nobody can say that it is none.

    Args:
        places: Where to look.
        is_known: Takes the place of ``is_run``.
    """
    knows = is_known or is_run
    seen: set[str] = set()
    for root in dict.fromkeys(os.path.realpath(root) for root in places.roots):
        for path in _in_root(root, knows):
            if path not in seen:
                seen.add(path)
                yield path
    for listed in places.listed:
        path = str(listed)
        if path not in seen and knows(path) and (path := os.path.realpath(path)) not in seen:
            seen.add(path)
            yield path


def is_run(path: str) -> bool:
    """Whether a directory is a run of ours, or one that TS-DIA's own scripts made."""
    try:
        return _exists(f"{path}/run.json") or _exists(f"{path}/.tsdia/claim") or is_foreign(path)
    except PermissionError:
        return True


def is_foreign(path: str) -> bool:
    """Whether TS-DIA's own scripts made it: a config with logs, or with a note about W&B, beside it."""
    return os.path.isfile(f"{path}/config.yml") and (
        os.path.isdir(f"{path}/logs") or os.path.isfile(f"{path}/wandb_info.json")
    )


def _exists(path: str) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _in_root(root: str, knows: Callable[[str], bool]) -> Iterator[str]:
    if knows(root):
        yield root
    else:
        yield from _below(root, _DEPTH, knows)


def _below(folder: str, depth: int, knows: Callable[[str], bool]) -> Iterator[str]:
    """Runs in a folder; the trash and whatever else is hidden is left out."""
    links = []
    try:
        entries = os.scandir(folder)
    except OSError:
        return
    with entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                links.append(entry.path)
            elif entry.is_dir():
                if knows(entry.path):
                    yield entry.path
                elif depth:
                    yield from _below(entry.path, depth - 1, knows)
    for link in links:  # a run on another disk; but `latest -> exp` is no run of its own
        target = os.path.realpath(link)
        if os.path.dirname(target) != folder and os.path.isdir(target) and knows(target):
            yield target
