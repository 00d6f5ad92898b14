"""The attempt of this process, from the environment, or from the config of a script without tsdia-run."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tsdia_run.rundir import env
from tsdia_run.rundir.layout import AttemptLayout, RunLayout

if TYPE_CHECKING:
    from tsdia_run.config import Document


@dataclass(frozen=True)
class Session:
    """The attempt of a run.

    Attributes:
        run_id: The run's id.
        name: The run's name.
        layout: The files of the run.
        number: The attempt's number.
        config: The config that the script receives; None if it receives none.
        checkpoint: The checkpoint to resume from; None if the attempt trains from the start.
        hooks: The names of the hooks that are on.
    """

    run_id: str
    name: str
    layout: RunLayout
    number: int
    config: Path | None
    checkpoint: Path | None
    hooks: frozenset[str]

    @property
    def attempt(self) -> AttemptLayout:
        """The files of the attempt."""
        return self.layout.attempt(self.number)


def current(environ: Mapping[str, str] = os.environ) -> Session | None:
    """Return the attempt of this process; None if tsdia-run did not start it."""
    run_dir, number = environ.get(env.RUN_DIR), environ.get(env.ATTEMPT, "")
    if not run_dir or not number.isdecimal():
        return None
    return Session(
        run_id=environ.get(env.RUN_ID, ""),
        name=environ.get(env.RUN_NAME, ""),
        layout=RunLayout(Path(run_dir)),
        number=int(number),
        config=_path(environ, env.CONFIG),
        checkpoint=_path(environ, env.CHECKPOINT),
        hooks=frozenset(environ.get(env.HOOKS, "").split(",")),
    )


def outside(config: Path | None, document: Document | None) -> Session:
    """Return a substitute for the attempt in a script that tsdia-run did not start.

    Args:
        config: The config that the script names.
        document: Its content, which may name the run directory and the checkpoint to resume from.
    """
    place, checkpoint = _named_in(document) if document else (None, None)
    stem = config.stem if config else Path(sys.argv[0]).stem or "run"
    root = Path(place or f"runs/{stem}").expanduser().absolute()
    return Session(
        run_id="",
        name=root.name,
        layout=RunLayout(root),
        number=0,
        config=config,
        checkpoint=Path(checkpoint).expanduser().resolve() if checkpoint else None,
        hooks=frozenset(),
    )


def _named_in(document: Document) -> tuple[str | None, str | None]:
    from tsdia_run.config import keys  # loads the YAML parser: 40 ms, which would delay the hooks

    found = []
    for names in (keys.RUN_DIR_KEYS, keys.RESUME_KEYS):
        key = keys.key_in(document, None, names)
        value = document.find(key) if key else None
        found.append(value.plain if value is not None and isinstance(value.plain, str) else None)
    return found[0], found[1]


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name)
    return Path(value) if value else None
