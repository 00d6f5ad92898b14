"""A new run in a directory of its own: what `new` does, and `ensure` where nothing is there yet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from tsdia_run import config
from tsdia_run.claim import acquire
from tsdia_run.cli import asked
from tsdia_run.cli.attempt import finish
from tsdia_run.cli.detaching import leave_terminal, stay
from tsdia_run.cli.dry_run import show_plan
from tsdia_run.cli.restarting import carry_through
from tsdia_run.cli.wanted import Wanted
from tsdia_run.config import Document, keys
from tsdia_run.launch import place, plan
from tsdia_run.launch.checks import check
from tsdia_run.launch.plan import Plan
from tsdia_run.launch.request import Request
from tsdia_run.rundir import catalog
from tsdia_run.rundir.record import Run
from tsdia_run.settings import Layer, Settings, resolve
from tsdia_run.text import shown


@dataclass(frozen=True)
class Beginning:
    """A run as its config and the flags describe it.

    Attributes:
        document: The config; None for a script that takes none.
        section: What the config's own section and the project file say.
        settings: Every setting.
        directory: The run directory.
    """

    document: Document | None
    section: tuple[Layer, ...]
    settings: Settings
    directory: Path


def describe(wanted: Wanted, config_file: str | None, run_dir: str | None, name: str | None) -> Beginning:
    """Read the config, and find out where the run goes.

    Raises:
        TsdiaRunError: The config or a setting can't be used, or nothing says where the run goes.
    """
    document = None if config_file is None else config.read(Path(config_file))
    asked.refuse_lone_set(document, wanted.overrides)
    section = tuple(asked.file_layers(document, wanted.cwd))
    settings = resolve([wanted.flags, *section])
    key = keys.key_in(document, settings.run_dir_key, keys.RUN_DIR_KEYS) if document else None
    directory = place.run_directory(place.Wish(run_dir, name, wanted.cwd, wanted.environ), document, key)
    return Beginning(document, section, settings, directory)


def plan_new(wanted: Wanted, beginning: Beginning) -> Plan:
    """What the first attempt would be.

    Raises:
        TsdiaRunError: It can't be started.
    """
    return plan.make(
        Request(
            document=beginning.document,
            settings=beginning.settings,
            run_dir=beginning.directory,
            number=0,
            cwd=wanted.cwd,
            environ=wanted.environ,
            overrides=wanted.overrides,
            extra_args=wanted.extra_args,
            typed=wanted.typed,
        )
    )


def start(wanted: Wanted, beginning: Beginning, *, move_aside: bool) -> None:
    """Claim the directory, launch, and leave with the ending of the training.

    Raises:
        TsdiaRunError: It can't be started; nothing was changed.
    """
    planned, directory = plan_new(wanted, beginning), beginning.directory
    check(planned)
    way_in = acquire.Entry(directory, move_aside, wanted.typed)
    if wanted.is_dry_run:
        show_plan(planned, acquire.examine(way_in), as_json=wanted.as_json)
        return
    wanted.screen.warn(*planned.warnings)
    claim, moved = acquire.enter(way_in)
    if moved:
        wanted.screen.note(f"moved what was in {shown(directory)} to {shown(moved)}")
    source = beginning.document.source if beginning.document else None
    run_id = os.urandom(6).hex()
    run = Run(
        run_id=run_id,
        name=directory.name,
        created_at=datetime.now(timezone.utc),
        source_config=os.path.abspath(source) if source else None,
        started_from=planned.started_from,
        wandb_id=wanted.environ.get("WANDB_RUN_ID", run_id),
        wandb_name=wanted.environ.get("WANDB_NAME", directory.name),
    )
    catalog.note(directory, wanted.environ)
    wanted.screen.warn(*claim.warnings)
    with claim:
        on_started = leave_terminal(claim) if wanted.is_detached else stay
        ended = carry_through(planned, claim, run, wanted.screen, on_started=on_started)
    finish(ended)
