"""The attempt that this process is a part of, as the environment tells it (docs/architecture.md)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.rundir.layout import AttemptLayout, RunLayout


@dataclass(frozen=True)
class Session:
    """The attempt of a run.

    Attributes:
        run_id: The run's id.
        name: The run's name.
        layout: The files of the run.
        number: The attempt's number.
        config: The config as the script got it; None for a script that takes none.
        checkpoint: What the attempt resumes from; None from the start.
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
    """The attempt of this process; None where tsdia-run did not start it."""
    run_dir, number = environ.get("TSDIA_RUN_DIR"), environ.get("TSDIA_RUN_ATTEMPT", "")
    if not run_dir or not number.isdecimal():
        return None
    return Session(
        run_id=environ.get("TSDIA_RUN_ID", ""),
        name=environ.get("TSDIA_RUN_NAME", ""),
        layout=RunLayout(Path(run_dir)),
        number=int(number),
        config=_path(environ, "TSDIA_RUN_CONFIG"),
        checkpoint=_path(environ, "TSDIA_RUN_CHECKPOINT"),
        hooks=frozenset(environ.get("TSDIA_RUN_HOOKS", "").split(",")),
    )


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name)
    return Path(value) if value else None
