"""Resume a run: start a new attempt of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdia_run import config
from tsdia_run.checkpoints import Choice
from tsdia_run.checkpoints.superseded import beyond, superseded_now
from tsdia_run.checkpoints.verdict import is_sharded, world_size
from tsdia_run.claim import guard
from tsdia_run.config import Document, keys
from tsdia_run.errors.resuming import ChangesNotAllowed, RunCompleted, UnknownChange
from tsdia_run.files.redaction import Redactor
from tsdia_run.launch import changes, plan, prepare, resumption, script_settings, snapshot
from tsdia_run.launch.attempt_request import Request
from tsdia_run.launch.changes import Change, ChangeKind
from tsdia_run.launch.checks import refuse_full_disk
from tsdia_run.launch.plan import Plan
from tsdia_run.launch.prepare import Provenance
from tsdia_run.launch.resumption import Source
from tsdia_run.launch.script_settings import Completed
from tsdia_run.report.names import run_to_change
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import LIVE, Run, State
from tsdia_run.settings import Layer, Settings, origins, resolve
from tsdia_run.settings.from_files import section_layer
from tsdia_run.text import nearest, shown
from tsdia_run.workflow import resumed_settings
from tsdia_run.workflow.attempt import Prepared
from tsdia_run.workflow.last_attempt import LastAttempt, claimed_run, last_attempt, without_resume
from tsdia_run.workflow.preview import Preview, preview_of
from tsdia_run.workflow.reporter import Reporter
from tsdia_run.workflow.request import ResumeRequest
from tsdia_run.workflow.restarts import carry_through
from tsdia_run.workflow.results import Result


@dataclass(frozen=True)
class Found:
    """A run to resume.

    Attributes:
        request: The request.
        source: The run.
        config: A config that replaces the last attempt's; None to keep it.
        section: The settings of a config given for this resume; None to read the last attempt's config again.
        restated: Script arguments in the settings that replace those of the last attempt.
        replaces_args: Whether script arguments given for this resume replace the recorded ones.
    """

    request: ResumeRequest
    source: Source
    config: Document | None
    section: Layer | None
    restated: Layer | None = None
    replaces_args: bool = False


@dataclass(frozen=True)
class _Ready:
    """An attempt that can be started.

    Attributes:
        plan: The plan of the attempt.
        last: The last attempt of the run.
        choice: The chosen checkpoint.
        provenance: The code and environment of the attempt.
        changes: What changed since the checkpoint was written.
        warnings: Warnings about settings that were not read again.
    """

    plan: Plan
    last: LastAttempt
    choice: Choice
    provenance: Provenance
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]


def allowed(words: Sequence[str]) -> frozenset[ChangeKind]:
    """Return the kinds of changes for the values of ``--allow``.

    Raises:
        UsageError: A value is not a kind of change.
    """
    known = {kind.value: kind for kind in ChangeKind}
    unknown = next((word for word in words if word not in known), None)
    if unknown is not None:
        near = nearest(unknown, known)
        meant = f"Did you mean {near}? " if near else ""
        raise UnknownChange(unknown, hint=f"{meant}Kinds: {', '.join(known)}.")
    return frozenset(known[word] for word in words)


def start(request: ResumeRequest, reporter: Reporter) -> Result:
    """Choose a checkpoint, compare inputs, launch the training, and wait until it has ended.

    Raises:
        TsdiaRunError: The run can't be resumed; nothing was changed.
    """
    return resume(_find(request), reporter)


def preview(request: ResumeRequest) -> Preview:
    """Return what ``start`` would start, without changing anything.

    Raises:
        TsdiaRunError: The run can't be resumed.
    """
    return preview_found(_find(request))


def _find(request: ResumeRequest) -> Found:
    document = None if request.config_file is None else config.read(Path(request.config_file))
    source = resumption.find_source(run_to_change(request.target))
    return Found(request, source, document, section_layer(document) if document else None)


def preview_found(found: Found) -> Preview:
    """Return what ``resume`` would start.

    Raises:
        TsdiaRunError: The run can't be resumed.
    """
    ready = _ready(found)
    return preview_of(ready.plan, skipped=ready.choice.skipped, changes=ready.changes)


def resume(found: Found, reporter: Reporter) -> Result:
    """Resume a run.

    Raises:
        TsdiaRunError: The run can't be resumed; nothing was changed.
    """
    ready, layout, common = _ready(found), found.source.layout, found.request.start
    _refuse_changes(layout.root, ready.changes, found.request.allow)
    _report(ready, common.environ, reporter)
    last_seen = layout.last_seen()
    with guard.claim_existing(layout.root) as claim:
        reporter.warn(*claim.warnings)
        run = claimed_run(found.source, ready.last.run, last_seen, reporter)
        if found.source.run and found.source.run.state in LIVE and run.last.outcome:
            # Its supervisor was killed, so the user has not seen this ending yet.
            reporter.note(f"attempt {run.last.number}: {run.last.outcome.sentence()}")
        patterns = ready.plan.request.settings.checkpoints.pattern
        superseded = beyond(layout, ready.plan.request.checkpoint, patterns)
        if superseded:
            reporter.note(f"superseded (kept, but no longer used): {', '.join(superseded)}")
        prepared = Prepared(ready.plan, claim, run, ready.provenance, superseded)
        return carry_through(prepared, reporter, is_detached=common.is_detached)


def _ready(found: Found) -> _Ready:
    request, layout = found.request, found.source.layout
    guard.refuse_running(layout.root)
    trust = request.start.trust()
    last = last_attempt(found.source, found.config, trust)
    _refuse_completed(request, last.run, layout)
    refuse_full_disk(layout.root)
    resumed = resumed_settings.layers_of(last, found.section, request.start)
    layers = (resumed.layers[0], *([found.restated] if found.restated else []), *resumed.layers[1:])
    cwd = last.recorded.working_directory() if last.recorded else request.start.cwd
    completed = script_settings.complete(layers, last.document, _extra_args(found, last, resolve(layers)), cwd)
    choice = _choose(found, last.run, completed.settings)
    planned = _plan(found, last, completed, layers, cwd, choice)
    redactor = Redactor.from_environment(
        {**request.start.environ, **planned.command.environment}, completed.settings.notify.secrets
    )
    provenance = prepare.capture_provenance(planned, redactor)
    changed = (
        *resumed_settings.changed(last.recorded, planned, redactor),
        *_changes(planned, provenance, redactor, last.run, choice),
    )
    return _Ready(planned, last, choice, provenance, changed, resumed.warnings)


def _report(ready: _Ready, environ: Mapping[str, str], reporter: Reporter) -> None:
    recorded = ready.last.recorded
    known = {**environ, **ready.plan.request.settings.env}
    reporter.warn(*ready.warnings, *(f"skipped {shown(one.path)}: {one.reason}" for one in ready.choice.skipped))
    for note in ready.plan.notes:
        reporter.note(note)
    reporter.warn(*ready.plan.warnings, *(recorded.warnings(known) if recorded else ()))
    for change in ready.changes:
        reporter.note(f"changed {change.kind.value}: {change.text}")


def _refuse_completed(request: ResumeRequest, run: Run | None, layout: RunLayout) -> None:
    if run is None or run.state is not State.COMPLETED or request.again:
        return
    raise RunCompleted(f"{shown(layout.root)} has completed", has_config=layout.config.is_file())


def _choose(found: Found, run: Run | None, settings: Settings) -> Choice:
    source, request = found.source, found.request
    superseded = superseded_now(run, source.layout) if run else frozenset()
    if request.from_scratch and request.checkpoint is None and source.named is None:
        return Choice(None, ())
    choice = resumption.choose(
        source,
        request.checkpoint,
        superseded,
        settings.checkpoints.pattern,
        allows_weights=ChangeKind.WEIGHTS in request.allow,
    )
    if choice.chosen is None:
        raise resumption.none_complete(source, choice.skipped)
    return choice


def _plan(
    found: Found, last: LastAttempt, completed: Completed, layers: Sequence[Layer], cwd: Path, choice: Choice
) -> Plan:
    common, layout, settings = found.request.start, found.source.layout, completed.settings
    document = last.document
    if choice.chosen is None and document is not None and found.config is None:
        document = without_resume(document, layout, settings)
    return plan.make(
        Request(
            document=document,
            settings=settings,
            run_dir=layout.root,
            number=last.run.last.number + 1 if last.run else 1,
            cwd=cwd,
            environ=common.environ,
            overrides=common.overrides,
            extra_args=completed.extra_args,
            checkpoint=choice.chosen.path if choice.chosen else None,
            typed=common.typed,
            origins=origins(layers),
            config_source=_config_source(found, last),
            detected=completed.notes,
        )
    )


def _config_source(found: Found, last: LastAttempt) -> str | None:
    """Return the config that the user named: for this resume, else for an earlier attempt."""
    if found.request.config_file is not None:
        return os.path.abspath(found.request.config_file)
    if last.recorded and last.recorded.config_source:
        return str(last.recorded.config_source)
    return last.run.source_config if last.run else None


def _extra_args(found: Found, last: LastAttempt, settings: Settings) -> tuple[str, ...]:
    given = found.request.start.extra_args
    if last.recorded is None or (found.replaces_args and given):
        return given
    return (*last.recorded.arguments(settings), *given)


def _changes(
    planned: Plan, provenance: Provenance, redactor: Redactor, run: Run | None, choice: Choice
) -> tuple[Change, ...]:
    if run is None or choice.chosen is None:
        return ()
    path, written = choice.chosen.path, choice.chosen.manifest
    attempt = written.attempt if written and written.run_id == run.run_id else run.last.number
    return changes.compare(
        snapshot.recorded(planned.layout.attempt(attempt), world_size(path, written)),
        snapshot.present(planned, provenance, redactor),
        expected=expected_changes(planned),
        is_sharded=is_sharded(path),
    )


def expected_changes(planned: Plan) -> list[str]:
    """Return the config keys that tsdia-run sets at a start or a resume."""
    document, settings = planned.request.document, planned.request.settings
    if document is None:
        return []
    return keys.keys_set_at_start(document, settings.run_dir_key, settings.resume_key, settings.resume_set)


def _refuse_changes(run_dir: Path, found: Sequence[Change], allowed: frozenset[ChangeKind]) -> None:
    refused = [change for change in found if change.needs_consent and change.kind not in allowed]
    if not refused:
        return
    lines = "".join(f"\n  {change.kind.value}: {change.text}" for change in refused)
    raise ChangesNotAllowed(
        f"the run's inputs changed since the checkpoint was written:{lines}",
        run_dir,
        tuple(sorted({change.kind.value for change in refused})),
    )
