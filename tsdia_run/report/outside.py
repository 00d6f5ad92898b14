"""Say which checkpoints a run has outside its directory, and which setting would change that."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tsdia_run import config
from tsdia_run.errors import TsdiaRunError
from tsdia_run.files.fields import beginning_of
from tsdia_run.report.suggestions import OPTION, script_of
from tsdia_run.rundir import arguments, command_record, outside_saves
from tsdia_run.rundir.command_record import CommandRecord
from tsdia_run.rundir.layout import AttemptLayout
from tsdia_run.text import count, shown, visible

# Names of options that take the directory of the results, the most certain first.
_DIRECTORY_OPTIONS = (
    re.compile(r"--?out(put)?[-_](dir|path|folder|directory)"),
    re.compile(r"--?(save|results?|project|run|work|log(ging)?|exp|ckpt|checkpoints?)[-_](dir|path|folder|directory)"),
    re.compile(r"--?out(put)?"),
)


def outside(attempt: AttemptLayout) -> str | None:
    """Return how many checkpoints an attempt saved outside the run directory, where, and what to set; None if none."""
    saved = outside_saves.read(attempt)
    if not saved:
        return None
    found = f"{count(len(saved), 'checkpoint')} outside the run directory: {_where(saved)}"
    return visible(f"{found}; to change it, {_remedy(attempt, saved)}")


def _where(saved: tuple[Path, ...]) -> str:
    return shown(saved[0]) if len(saved) == 1 else f"{shown(_folder(saved))}/…"


def _folder(saved: tuple[Path, ...]) -> Path:
    return Path(os.path.commonpath([path.parent for path in saved]))


def _remedy(attempt: AttemptLayout, saved: tuple[Path, ...]) -> str:
    recorded = command_record.read(attempt) or CommandRecord()
    cwd, folder = Path(recorded.cwd or "/"), _folder(saved)
    key = _leading(_values(attempt.config), folder, cwd)
    if key is not None:
        return f"set `run_dir_key: {key}`"
    words = (*(recorded.args or ()), *(recorded.extra_args or ()))
    given = ((flag, value) for flag, values in arguments.pairs(words) for value in values if flag)
    script = script_of(recorded, attempt)
    flag = _leading(given, folder, cwd) or (_option(script) if script else None)
    if flag is not None:
        template = f"{flag} {{run_dir}}" if flag.startswith("-") else f"{flag}={{run_dir}}"
        return f"pass `{template}` to the script"
    return "set `run_dir_key` to the config key of its directory, or pass {run_dir} to the script"


def _values(path: Path) -> Iterator[tuple[str, str]]:
    try:
        found = list(config.read(path).scalars())
    except TsdiaRunError:
        return
    yield from ((key, value.plain) for key, value in found if isinstance(value.plain, str))


def _leading(values: Iterable[tuple[str, str]], folder: Path, cwd: Path) -> str | None:
    """Return the name whose value is the folder, or the nearest one above it that is below the working directory."""
    places = ((name, Path(os.path.abspath(cwd / os.path.expanduser(value)))) for name, value in values if value.strip())
    above = {place for place in (folder, *folder.parents) if place not in (cwd, *cwd.parents)}
    found = [(len(place.parts), name) for name, place in places if place in above]
    return max(found)[1] if found else None


def _option(script: Path) -> str | None:
    options = [str(option) for option in OPTION.findall(beginning_of(script))]
    return next((one for pattern in _DIRECTORY_OPTIONS for one in options if pattern.fullmatch(one)), None)
