"""Walk the directories of a run within limits, follow links, and visit each real directory once."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.checkpoints.naming import announces, is_best, read_name
from tsdia_run.checkpoints.recognition import Listing
from tsdia_run.rundir.layout import OWN_DIR_NAME, RunLayout

# The limit stops the walk through a data set in a run directory. Directories named like checkpoints don't count.
_MAX_ENTRIES = 20_000
_MAX_DEPTH = 6


@dataclass(frozen=True)
class Folder:
    """A directory below a run.

    Attributes:
        path: Its path within the run, through links if there are any.
        real: Its real path.
        depth: Its depth below the run; 0 for the run itself.
        here: The names of directories and files in it, without links.
        links: The names of links in it.
    """

    path: Path
    real: str
    depth: int
    here: Listing
    links: frozenset[str]


class _Walk:
    """The progress of a walk.

    Args:
        root: The real path of the run.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.seen: set[str] = set()
        # Directories that were not entered: their contents belong to them.
        self.left: set[str] = set()
        self.entries = 0
        self.links: list[tuple[int, int, str, Path]] = []


# Called with a directory; returns whether to walk its contents.
Enter = Callable[[Folder], bool]
# Called with a file: its path within the run, and its real path.
OnFile = Callable[[Path, str], None]


def walk(run_dir: Path, enter: Enter, on_file: OnFile) -> None:
    """Walk a run, and the links after all real directories and files.

    Args:
        run_dir: The run.
        enter: Called once for each real directory.
        on_file: Called once for each real file in a directory that was entered.
    """
    state = _Walk(os.path.realpath(run_dir))
    _walk_tree(state, run_dir, state.root, 0, enter, on_file)
    while state.links:
        state.links.sort(reverse=True)
        *_, path = state.links.pop()
        _follow(state, path, enter, on_file)


def _follow(state: _Walk, path: Path, enter: Enter, on_file: OnFile) -> None:
    with suppress(OSError, ValueError):
        real = os.path.realpath(path, strict=True)
        is_known = real in state.seen or any(_contains(folder, real) for folder in state.left)
        leads_up = _contains(real, state.root) or _contains(real, os.path.realpath(path.parent))
        if is_known or leads_up or _is_of_another_run(real, state.root):
            return
        if os.path.isdir(real):
            _walk_tree(state, path, real, 1, enter, on_file)
        elif os.path.isfile(real):
            state.seen.add(real)
            on_file(path, real)


def _contains(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_of_another_run(real: str, root: str) -> bool:
    """Whether a link points into another run: for example to a checkpoint that this run starts from."""
    if _contains(root, real):
        return False
    return any(os.path.isfile(RunLayout(folder).record) for folder in (Path(real), *Path(real).parents))


def _walk_tree(state: _Walk, top: Path, real_top: str, depth: int, enter: Enter, on_file: OnFile) -> None:
    # Large directories come last, and directories named like checkpoints first: a data set never hides a checkpoint.
    waiting = [(0, depth, real_top, top, False)]
    while waiting:
        others, level, real, path, is_file = heapq.heappop(waiting)
        if real in state.seen or (others and state.entries > _MAX_ENTRIES):
            continue
        state.seen.add(real)
        state.entries += others > 0
        if is_file:
            on_file(path, real)
            continue
        folder = _list(path, real, level)
        if (level and OWN_DIR_NAME in folder.here.folders) or not enter(folder):
            state.left.add(real)
            continue
        state.links += [(_turn(name), level, name, path / name) for name in folder.links]
        folders = [name for name in folder.here.folders if not name.startswith(".")] if level < _MAX_DEPTH else []
        named = {name for name in folders if read_name(Path(name))}
        others = len(folder.here.files) + len(folders) - len(named)
        for name in folder.here.files:
            heapq.heappush(waiting, (others, level, f"{real}/{name}", path / name, True))
        for name in folders:
            heapq.heappush(waiting, (0 if name in named else others, level + 1, f"{real}/{name}", path / name, False))


def _turn(name: str) -> int:
    """Return the turn of a link: of several links to one directory, `latest` and `best` come last."""
    if read_name(Path(name)):
        return 0
    return 2 if announces(name) or is_best(name) else 1


def _list(path: Path, real: str, depth: int) -> Folder:
    folders: set[str] = set()
    files: set[str] = set()
    links: set[str] = set()
    for entry in _entries(real):
        try:
            kind = links if entry.is_symlink() else folders if entry.is_dir(follow_symlinks=False) else files
        except OSError:  # its file system is gone
            continue
        kind.add(entry.name)
    return Folder(path, real, depth, Listing(frozenset(folders), frozenset(files)), frozenset(links))


def _entries(path: str) -> Iterator[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(path) as entries:
        yield from entries


def listing(path: str | Path) -> Listing:
    """Return the names in a directory, links by the kind of their target; nothing if it can't be read."""
    folders: set[str] = set()
    files: set[str] = set()
    for entry in _entries(os.fspath(path)):
        try:
            is_folder = entry.is_dir()
        except OSError:  # a loop of links
            continue
        (folders if is_folder else files).add(entry.name)
    return Listing(frozenset(folders), frozenset(files))
