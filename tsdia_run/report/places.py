"""Find run directories: those of a project, or all that are known."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tsdia_run.errors.lookups import NoSuchFolder
from tsdia_run.rundir import catalog
from tsdia_run.rundir.project import project_of, runs_of

# runs/exp, runs/project/exp and runs/project/group/exp are found.
_DEPTH = 2


@dataclass(frozen=True)
class Places:
    """Where to look for runs.

    Attributes:
        roots: Folders that hold runs, or run directories themselves.
        listed: Runs of the project outside of the roots.
        project: The folder of the project; None if the user named the roots.
        known: All runs that the user started, each with its project, if that is known.
    """

    roots: tuple[Path, ...]
    listed: tuple[Path, ...] = ()
    project: Path | None = None
    known: Mapping[str, str | None] = field(default_factory=dict)

    def everywhere(self) -> Places:
        """Return the places of all known runs, of every project."""
        return replace(self, listed=(*self.listed, *map(Path, self.known)))

    def called(self, name: str) -> Places:
        """Return the places of all known runs with this name, also of other projects."""
        ending = f"/{name}"
        return Places((), tuple(Path(path) for path in self.known if path.endswith(ending)))

    def has(self, run_dir: Path) -> bool:
        """Return whether a run is in the roots or is listed, and not only known."""
        real = os.path.realpath(run_dir)
        roots = [os.path.realpath(root) for root in self.roots]
        return any(os.path.commonpath((root, real)) == root for root in roots) or any(
            os.path.realpath(path) == real for path in self.listed
        )


def places(named: Sequence[str] | None = None) -> Places:
    """Return only the given roots; without any, the roots and the known runs of the project.

    Raises:
        NotFoundError: A given root does not exist.
        ConfigError: The project file can't be used.
    """
    cwd, known = Path.cwd(), catalog.known(os.environ)
    if named:
        roots = tuple(cwd / os.path.expanduser(root) for root in named)
        for root in roots:
            if not os.path.isdir(root) and not is_unreadable(root):
                raise NoSuchFolder(root)
        return Places(roots, known=known)
    # Given roots need no settings: without this import, `list` over thousands of runs starts twice as fast.
    from tsdia_run.settings import resolve
    from tsdia_run.settings.from_files import root_layers

    project = project_of(cwd)
    recorded = known.get(str(project.run)) if project.run and not project.is_marked else None
    folder = Path(recorded) if recorded else project.folder
    # A start in a sub-folder puts its run below that folder.
    bases = dict.fromkeys((folder, cwd))
    settings = resolve(root_layers(folder, os.environ))
    found = dict.fromkeys(base / os.path.expanduser(root) for root in settings.roots for base in bases)
    inside = (project.run,) if project.run else ()
    return Places((*found, *inside), tuple(map(Path, runs_of(str(folder), known))), folder, known)


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
