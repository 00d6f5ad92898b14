"""Find the directory of a run by a path, a name, the beginning of a name, `latest` or an id."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from tsdia_run.errors import DamagedRunError, UsageError
from tsdia_run.errors.lookups import FolderIsNotRun, NoSuchRun
from tsdia_run.report import wandb
from tsdia_run.report.places import Places, is_run, is_unreadable, places, run_dirs
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.original import original_of
from tsdia_run.rundir.run_names import LATEST
from tsdia_run.text import count, nearest, shell, shown

_MOST_CANDIDATES = 10


def find_run(word: str, places: Places) -> Path:
    """Return the run that ``word`` names.

    Args:
        word: A path of a run or of a file inside one; a run's name; the beginning of a name; ``latest`` for the run
            that was started last; the id of the run or of its W&B run.
        places: Where to look up names.

    Raises:
        NotFoundError: No run matches.
        UsageError: Several runs match.
    """
    path = _enclosing(Path(os.path.abspath(os.path.expanduser(word))))
    if path is not None:
        return path
    found = sorted(run_dirs(places))
    if word == LATEST:
        newest = latest(found)
        if newest is None:
            raise _not_found("no runs yet", places)
        return Path(newest)
    if os.sep in word:
        exists = os.path.isdir(os.path.expanduser(word))
        if exists:
            raise FolderIsNotRun(word)
        raise _not_found(f"{word} does not exist", places)
    by_name = [path for path in found if os.path.basename(path) == word]
    by_id = [] if by_name else _without_copies([path for path in found if word in _ids(path)])
    by_prefix = [] if by_name or by_id else [path for path in found if os.path.basename(path).startswith(word)]
    return _only(word, by_name or by_id or by_prefix, found, places)


def run_path(word: str) -> str:
    """Return the path of a run by its path or name; an existing path is returned unchanged.

    Raises:
        NotFoundError, UsageError: No run matches, or several runs match.
    """
    if os.sep in word or os.path.lexists(os.path.expanduser(word)):
        return word
    return str(find_run(word, places()))


def checkpoint_names(run_dir: Path) -> list[str]:
    """Return the checkpoints of a run, as paths relative to it."""
    from tsdia_run.checkpoints import find  # `list` needs no checkpoint

    return [os.path.relpath(one.path, run_dir) for one in find(run_dir)]


def _enclosing(path: Path) -> Path | None:
    """Return the innermost run that is, or contains, ``path``."""
    if is_unreadable(path):
        return path
    if not os.path.lexists(path):
        return None
    return next((folder for folder in (path, *path.parents) if os.path.isdir(folder) and is_run(str(folder))), None)


def _only(word: str, matches: list[str], found: Iterable[str], places: Places) -> Path:
    if len(matches) == 1:
        return Path(matches[0])
    if not matches:
        near = nearest(word, {os.path.basename(path) for path in found})
        raise _not_found(f"no run {word!r}" + (f"; did you mean {shell([near])}?" if near else ""), places)
    lines = [shell([shown(Path(path))]) for path in matches[:_MOST_CANDIDATES]]
    more = len(matches) - len(lines)
    raise UsageError(
        f"{word!r} matches {count(len(matches), 'run')}",
        hint="\n".join(
            ["Use the path of one of them:", *(f"  {line}" for line in lines), *([f"  … {more} more"] if more else [])]
        ),
    )


def _not_found(message: str, places: Places) -> NoSuchRun:
    return NoSuchRun(message, tuple(shown(root) for root in places.roots))


def _without_copies(matches: list[str]) -> list[str]:
    """Return the matches of an id; a copied run has the id of its original until it is resumed."""
    if len(matches) < 2:
        return matches
    return [path for path in matches if original_of(RunLayout(Path(path))) is None] or matches


def _ids(run_dir: str) -> list[str | None]:
    return [*record_file.ids(run_dir), wandb.recorded_id(Path(run_dir))]


def distinct(paths: Sequence[Path]) -> list[str]:
    """Return distinct names for runs: their names, or their paths if names are the same."""
    names = [path.name for path in paths]
    return [name if names.count(name) == 1 else shown(path) for name, path in zip(names, paths, strict=True)]


def latest(found: Iterable[str]) -> str | None:
    """Return the run whose newest attempt started last; None without runs."""
    newest: tuple[float, str] | None = None
    for changed_s, path in sorted(((_changed_s(path), path) for path in found), reverse=True):
        if newest is not None and changed_s < newest[0]:
            break  # a record is written after the start that it records
        started_s = _started_s(path, changed_s)
        if newest is None or started_s > newest[0]:
            newest = (started_s, path)
    return newest[1] if newest else None


def _changed_s(run_dir: str) -> float:
    for path in (f"{run_dir}/run.json", run_dir):
        try:
            return os.stat(path).st_mtime
        except OSError:
            continue
    return 0.0


def _started_s(run_dir: str, changed_s: float) -> float:
    try:
        return record_file.read(RunLayout(Path(run_dir)).record).last.started_at.timestamp()
    except DamagedRunError:
        return changed_s
