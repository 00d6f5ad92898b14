"""Start a new run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from tsdia_run import config
from tsdia_run.claim import acquire
from tsdia_run.config import Document, keys
from tsdia_run.errors import RunDirectoryError
from tsdia_run.errors.launching import NoConfigToSet
from tsdia_run.launch import place, plan, script_settings
from tsdia_run.launch.attempt_request import Request
from tsdia_run.launch.checks import check
from tsdia_run.launch.plan import Plan
from tsdia_run.rundir import catalog
from tsdia_run.rundir.project import project_of
from tsdia_run.rundir.record import Run
from tsdia_run.settings import Layer, Settings, origins
from tsdia_run.settings.from_files import file_layers, section_layer
from tsdia_run.text import shell, shown
from tsdia_run.workflow.attempt import Prepared
from tsdia_run.workflow.preview import Preview, preview_of
from tsdia_run.workflow.reporter import Reporter
from tsdia_run.workflow.request import NewRequest
from tsdia_run.workflow.restarts import carry_through
from tsdia_run.workflow.results import Result


@dataclass(frozen=True)
class Beginning:
    """A requested run, with its config read.

    Attributes:
        request: The request; a typed script is in its settings.
        document: The config; None for a script without a config.
        section: The settings of all files, the config's `tsdia_run` section first.
        restated: The arguments of the settings that contain words of the user.
        settings: All settings.
        extra_args: The arguments for the script that are not in the settings.
        detected: What was found in the script.
        directory: The run directory.
    """

    request: NewRequest
    document: Document | None
    section: tuple[Layer, ...]
    restated: Layer
    settings: Settings
    extra_args: tuple[str, ...]
    detected: tuple[str, ...]
    directory: Path


def start(request: NewRequest, reporter: Reporter) -> Result:
    """Claim the directory, launch the training, and wait until it has ended.

    Raises:
        TsdiaRunError: The run can't be started; nothing was changed.
    """
    return begin(describe(request), reporter)


def preview(request: NewRequest) -> Preview:
    """Return what ``start`` would start, without changing anything.

    Raises:
        TsdiaRunError: The run can't be started.
    """
    return preview_beginning(describe(request))


def describe(request: NewRequest) -> Beginning:
    """Read the config, or the typed command of the script, and choose the run directory.

    Raises:
        TsdiaRunError: The config or a setting can't be used, or the run has no config and no name.
    """
    if not (request.config_file or "").lower().endswith(config.SUFFIXES):
        # Imported here: it takes milliseconds, and most starts have a config.
        from tsdia_run.workflow.typed_start import resolved

        request = resolved(request)
    common = request.start
    document = None if request.config_file is None else config.read(Path(request.config_file))
    if document is None and common.overrides:
        raise NoConfigToSet(common.overrides)
    section = file_layers(section_layer(document), common.cwd, common.environ, common.trust())
    completed = script_settings.complete([common.settings, *section], document, common.extra_args, common.cwd)
    settings = completed.settings
    key = keys.run_dir_key(document, settings.run_dir_key) if document else None
    requested = place.RunPlaceRequest(request.run_dir, request.name, common.cwd, common.environ, request.default_name)
    is_usual = keys.is_usual(key, settings.run_dir_key)
    directory = place.run_directory(requested, document, key, is_usual=is_usual)
    _refuse_missing_mount(directory, common.environ)
    return Beginning(
        request, document, section, completed.restated, settings, completed.extra_args, completed.notes, directory
    )


def _refuse_missing_mount(directory: Path, environ: Mapping[str, str]) -> None:
    """Refuse to start a run again because its disk is not mounted."""
    mount = catalog.missing_mount(directory, environ)
    if mount is not None:
        raise RunDirectoryError(
            f"{shown(directory)} does not exist now: it is on the file system of {mount}, which is not mounted",
            hint=f"Mount it. To start a new run instead: {shell(['mkdir', '-p', str(directory)])}",
        )


def plan_first(beginning: Beginning) -> Plan:
    """Return the plan of the first attempt.

    Raises:
        TsdiaRunError: The run can't be started.
    """
    common = beginning.request.start
    return plan.make(
        Request(
            document=beginning.document,
            settings=beginning.settings,
            run_dir=beginning.directory,
            number=0,
            cwd=common.cwd,
            environ=common.environ,
            overrides=common.overrides,
            extra_args=beginning.extra_args,
            typed=common.typed,
            origins=origins([common.settings, *beginning.section]),
            config_source=_absolute_source(beginning.document),
            detected=beginning.detected,
        )
    )


def _absolute_source(document: Document | None) -> str | None:
    return os.path.abspath(document.source) if document else None


def preview_beginning(beginning: Beginning) -> Preview:
    """Return what ``begin`` would start.

    Raises:
        TsdiaRunError: The run can't be started.
    """
    planned = _checked(beginning)
    return preview_of(planned, moves_aside=acquire.examine(_entry(beginning)) is not None)


def begin(beginning: Beginning, reporter: Reporter) -> Result:
    """Start the run that ``describe`` returned.

    Raises:
        TsdiaRunError: The run can't be started; nothing was changed.
    """
    planned, directory = _checked(beginning), beginning.directory
    for note in planned.notes:
        reporter.note(note)
    reporter.warn(*planned.warnings)
    claim, moved = acquire.enter(_entry(beginning))
    if moved:
        reporter.note(f"moved the existing contents of {shown(directory)} to {shown(moved)}")
    common = beginning.request.start
    catalog.note(directory, project_of(common.cwd).folder, common.environ)
    reporter.warn(*claim.warnings)
    with claim:
        return carry_through(Prepared(planned, claim, _fresh(planned)), reporter, is_detached=common.is_detached)


def _checked(beginning: Beginning) -> Plan:
    planned = plan_first(beginning)
    check(planned)
    return planned


def _entry(beginning: Beginning) -> acquire.Entry:
    return acquire.Entry(beginning.directory, beginning.request.move_aside)


def _fresh(planned: Plan) -> Run:
    """Return the record of a run without attempts."""
    request, run_id = planned.request, os.urandom(6).hex()
    name = request.run_dir.name
    return Run(
        run_id=run_id,
        name=name,
        created_at=datetime.now(timezone.utc),
        source_config=request.config_source,
        started_from=planned.started_from,
        wandb_id=request.environ.get("WANDB_RUN_ID", run_id),
        wandb_name=request.environ.get("WANDB_NAME", name),
    )
