"""Find the directory of a run by a path, a name, the beginning of a name, `latest` or an id.

A command that shows runs takes all of these. A command that changes a run takes no beginning of a name, and only names
of this project.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from tsdia_run.errors import DamagedRunError
from tsdia_run.errors.lookups import AmbiguousRun, FolderIsNotRun, NoSuchRun, UnclearRun
from tsdia_run.report import wandb
from tsdia_run.report.places import Places, is_run, is_unreadable, places, run_dirs
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.original import original_of
from tsdia_run.rundir.project import project_of
from tsdia_run.rundir.run_names import LATEST
from tsdia_run.text import nearest, shell, shown


def find_run(word: str | None, places: Places) -> Path:
    """Return the run that ``word`` names, to show it.

    Args:
        word: A path of a run or of a file inside one; a run's name; the beginning of a name; ``latest`` for the run
            that was started last; the id of the run or of its W&B run. A run of the project has precedence; a run of
            another one is found by its full name or an id. None for the run in the working directory, else ``latest``.
        places: Where to look up names.

    Raises:
        NotFoundError: No run matches.
        AmbiguousRun: Several runs match.
    """
    if word is None:
        return project_of(Path.cwd()).run or _latest(sorted(run_dirs(places)), places)
    path = _enclosing(Path(os.path.abspath(os.path.expanduser(word))))
    if path is not None:
        return path
    found = sorted(run_dirs(places))
    if word == LATEST:
        return _latest(found, places)
    if os.sep in word:
        exists = os.path.isdir(os.path.expanduser(word))
        if exists:
            raise FolderIsNotRun(word)
        raise _not_found(f"{word} does not exist", places)
    matches = _exact(word, found) or _beginning(word, found)
    if not matches and places.known:
        matches = sorted(run_dirs(places.called(word))) or _with_id(word, sorted(run_dirs(places.everywhere())))
    if not matches:
        near = nearest(word, {os.path.basename(path) for path in found})
        raise _not_found(f"no run {word!r}" + (f"; did you mean {shell([near])}?" if near else ""), places)
    return _only(word, matches)


def run_to_change(word: str) -> str:
    """Return the path of the run that a command may change; a path is returned unchanged.

    Args:
        word: A path; the full name of a run of this project; ``latest``, only of this project; an id.

    Raises:
        NotFoundError: No run matches; the error has the runs that the user may have meant.
        AmbiguousRun: Several runs match.
    """
    typed = os.path.expanduser(word)
    # A name has precedence over a directory that is not a run: the user's code may be in a folder of this name.
    if os.sep in word or _enclosing(Path(os.path.abspath(typed))) is not None:
        return word
    where = places()
    found = sorted(run_dirs(where))
    if word == LATEST and not os.path.lexists(typed):
        return str(_latest(found, where))
    matches = _exact(word, found)
    if not matches and os.path.lexists(typed):
        return word
    if matches := matches or _with_id(word, sorted(run_dirs(where.everywhere()))):
        return str(_only(word, matches))
    meant, others = _beginning(word, found), sorted(run_dirs(where.called(word)))
    if meant or others:
        what = "not the full name of a run of this project" if meant else "a run of another project"
        raise UnclearRun(f"{word!r} is {what}", word, tuple(map(Path, meant or others)))
    near = nearest(word, {os.path.basename(path) for path in found})
    raise _not_found(f"no run {word!r}" + (f"; did you mean {shell([near])}?" if near else ""), where)


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


def _latest(found: Iterable[str], places: Places) -> Path:
    newest = latest(found)
    if newest is None:
        raise _not_found("no runs yet" + (f" in the project {places.project}" if places.project else ""), places)
    return Path(newest)


def _exact(word: str, found: Sequence[str]) -> list[str]:
    return [path for path in found if os.path.basename(path) == word] or _with_id(word, found)


def _with_id(word: str, found: Iterable[str]) -> list[str]:
    return _without_copies([path for path in found if word in _ids(path)])


def _beginning(word: str, found: Iterable[str]) -> list[str]:
    return [path for path in found if os.path.basename(path).startswith(word)]


def _only(word: str, matches: Sequence[str]) -> Path:
    if len(matches) > 1:
        raise AmbiguousRun(word, tuple(map(Path, matches)))
    return Path(matches[0])


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
