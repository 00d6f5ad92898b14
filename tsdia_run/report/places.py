"""Find run directories in the run roots and in the user's list of runs."""

from __future__ import annotations

import errno
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
        roots: Folders that hold runs, or run directories themselves.
        listed: Runs that the user started outside of the roots.
    """

    roots: tuple[Path, ...]
    listed: tuple[Path, ...] = ()


def places(named: Sequence[str] | None = None) -> Places:
    """Return only the given roots; without any, the roots of the settings and the user's list of runs.

    Raises:
        NotFoundError: A given root does not exist.
        ConfigError: The project file can't be used.
    """
    cwd = Path.cwd()
    if named:
        roots = tuple(cwd / os.path.expanduser(root) for root in named)
        for root in roots:
            if not os.path.isdir(root) and not is_unreadable(root):
                raise NoSuchFolder(root)
        return Places(roots)
    # Given roots need no settings: without this import, `list` over thousands of runs starts twice as fast.
    from tsdia_run.settings import resolve
    from tsdia_run.settings.from_files import root_layers

    settings = resolve(root_layers(cwd, os.environ))
    return Places(tuple(cwd / os.path.expanduser(root) for root in settings.roots), catalog.listed(os.environ))


def run_dirs(places: Places, is_known: Callable[[str], bool] | None = None) -> Iterator[str]:
    """Yield every run directory once. A folder that can't be read counts as a run, since it may be one.

    Args:
        places: Where to look.
        is_known: Replaces ``is_run``.
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
    """Return whether a directory is a run of tsdia-run or of TS-DIA's own scripts."""
    try:
        return exists(f"{path}/run.json") or exists(f"{path}/.tsdia/claim") or is_foreign(path)
    except OSError:  # no permission, or the file system is gone
        return True


def is_unreadable(path: str | Path) -> bool:
    """Return whether a path may exist, but can't be examined: no permission, or the file system is gone."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    return False


def is_foreign(path: str) -> bool:
    """Return whether TS-DIA's own scripts created it: it has a config, and logs or a ``wandb_info.json``."""
    return os.path.isfile(f"{path}/config.yml") and (
        os.path.isdir(f"{path}/logs") or os.path.isfile(f"{path}/wandb_info.json")
    )


def exists(path: str | Path) -> bool:
    """Return whether a path exists.

    Raises:
        OSError: The path can't be examined.
    """
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
    """Yield the runs in a folder, without the trash and other hidden folders."""
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
            elif _is_folder(entry):
                if knows(entry.path):
                    yield entry.path
                elif depth:
                    yield from _below(entry.path, depth - 1, knows)
    for link in links:  # a link may lead to a run on another disk; `latest -> exp` is not another run
        target = os.path.realpath(link)
        if os.path.dirname(target) != folder and knows(target):
            yield target


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # the file system is gone, and it never named the kinds of its entries
        return True
