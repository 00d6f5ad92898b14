"""A new attempt of a run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from tsdia_run import config
from tsdia_run.checkpoints import Choice, ranks, rewinding
from tsdia_run.claim import guard
from tsdia_run.config import Document, keys
from tsdia_run.errors import RunAliveError, RunDirectoryError, UsageError
from tsdia_run.files.redaction import Redactor
from tsdia_run.launch import changes, plan, prepare, resumption, snapshot
from tsdia_run.launch.changes import Change, Kind
from tsdia_run.launch.plan import Plan
from tsdia_run.launch.prepare import Provenance, Recorded
from tsdia_run.launch.request import Request
from tsdia_run.launch.resumption import Source
from tsdia_run.outcome.exit_records import settle, settled
from tsdia_run.report.names import run_path
from tsdia_run.rundir import record
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import LIVE, Attempt, Outcome, Run, State
from tsdia_run.rundir.suggestions import Suggestions, Typed
from tsdia_run.settings import Layer, Settings, resolve
from tsdia_run.settings.from_files import project_layer, section_layer
from tsdia_run.text import nearest, shown
from tsdia_run.workflow.attempt import Prepared
from tsdia_run.workflow.preview import Preview, preview_of
from tsdia_run.workflow.reporter import Reporter
from tsdia_run.workflow.request import ResumeRequest
from tsdia_run.workflow.restarts import carry_through
from tsdia_run.workflow.results import Result


@dataclass(frozen=True)
class Found:
    """A run that is to be resumed.

    Attributes:
        request: What is asked for.
        source: The run.
        config: Another config than the last attempt's.
        section: Settings of a config that the user named now; they win over those of the last attempt.
        replaces_args: Whether the script's arguments that are given now replace the recorded ones.
    """

    request: ResumeRequest
    source: Source
    config: Document | None
    section: tuple[Layer, ...]
    replaces_args: bool = False


@dataclass(frozen=True)
class _Last:
    """What the run was until now.

    Attributes:
        run: Its record, with the ending that a dead supervisor could not write; None for one left by others.
        recorded: What its last attempt was started with.
        document: The config of its last attempt.
    """

    run: Run | None
    recorded: Recorded | None
    document: Document | None


@dataclass(frozen=True)
class _Ready:
    """An attempt that could be started.

    Attributes:
        plan: The attempt.
        last: What the run was until now.
        choice: The checkpoint.
        provenance: Where the attempt comes from.
        changes: What changed since the checkpoint was written.
    """

    plan: Plan
    last: _Last
    choice: Choice
    provenance: Provenance
    changes: tuple[Change, ...]


def allowed(words: Sequence[str]) -> frozenset[Kind]:
    """The changes that words name.

    Raises:
        UsageError: A word names none.
    """
    known = {kind.value: kind for kind in Kind}
    unknown = next((word for word in words if word not in known), None)
    if unknown is not None:
        near = nearest(unknown, known)
        meant = f"Did you mean {near}? " if near else ""
        raise UsageError(f"--allow {unknown}: no such change", hint=f"{meant}There are: {', '.join(known)}.")
    return frozenset(known[word] for word in words)


def start(request: ResumeRequest, reporter: Reporter) -> Result:
    """Choose a checkpoint, compare, launch, and stay until the training has ended.

    Raises:
        TsdiaRunError: It can't be started; nothing was changed.
    """
    return resume(_find(request), reporter)


def preview(request: ResumeRequest) -> Preview:
    """What ``start`` would start. Nothing is changed.

    Raises:
        TsdiaRunError: It can't be started.
    """
    return preview_found(_find(request))


def _find(request: ResumeRequest) -> Found:
    document = None if request.config_file is None else config.read(Path(request.config_file))
    source = resumption.find_source(run_path(request.target))
    return Found(request, source, document, (section_layer(document),))


def preview_found(found: Found) -> Preview:
    """What ``resume`` would start.

    Raises:
        TsdiaRunError: It can't be started.
    """
    ready = _ready(found)
    return preview_of(ready.plan, skipped=ready.choice.skipped, changes=ready.changes)


def resume(found: Found, reporter: Reporter) -> Result:
    """Resume a run that was found.

    Raises:
        TsdiaRunError: It can't be started; nothing was changed.
    """
    ready, layout, common = _ready(found), found.source.layout, found.request.start
    _refuse_unmeant(common.typed.as_resume(layout.root), ready.changes, found.request.allow)
    _tell(ready, common.environ, reporter)
    last_seen = layout.last_seen()
    with guard.claim_existing(layout.root) as claim:
        reporter.warn(*claim.warnings)
        run = _claimed_run(found.source, ready.last.run, last_seen)
        if found.source.run and found.source.run.state in LIVE and run.last.outcome:
            # Its supervisor was killed, so nobody has told it yet.
            reporter.note(f"attempt {run.last.number}: {run.state.value}: {run.last.outcome.reason}")
        patterns = ready.plan.request.settings.checkpoints.pattern
        superseded = rewinding.beyond(layout, ready.plan.request.checkpoint, patterns)
        if superseded:
            reporter.note(f"kept, but no longer counted: {', '.join(superseded)}")
        prepared = Prepared(ready.plan, claim, run, ready.provenance, superseded)
        return carry_through(prepared, reporter, is_detached=common.is_detached)


def _ready(found: Found) -> _Ready:
    request, layout = found.request, found.source.layout
    guard.refuse_living(layout.root)
    last = _last(found)
    _refuse_completed(request, last.run, layout)
    settings = resolve([request.start.settings, *found.section, *_settings_before(last, request.start.cwd)])
    choice = _choose(found, last.run, settings)
    planned = _plan(found, last, settings, choice)
    redactor = Redactor.from_environment({**request.start.environ, **planned.command.environment})
    provenance = prepare.capture_provenance(planned, redactor)
    changed = _changes(planned, provenance, redactor, last.run, choice)
    return _Ready(planned, last, choice, provenance, changed)


def _tell(ready: _Ready, environ: Mapping[str, str], reporter: Reporter) -> None:
    recorded = ready.last.recorded
    reporter.warn(*(f"skipped {shown(one.path)}: {one.reason}" for one in ready.choice.skipped))
    for note in ready.plan.notes:
        reporter.note(note)
    reporter.warn(*ready.plan.warnings, *(recorded.warnings(environ) if recorded else ()))
    for change in ready.changes:
        reporter.note(f"changed {change.kind.value}: {change.text}")


def _settings_before(last: _Last, cwd: Path) -> tuple[Layer, ...]:
    if last.recorded:
        return (last.recorded.settings,)
    return section_layer(last.document), project_layer(cwd)


def _last(found: Found) -> _Last:
    source, layout = found.source, found.source.layout
    if source.run is None:
        document = found.config or (config.read(layout.config) if layout.config.is_file() else None)
        return _Last(None, None, document)
    run = settled(source.run, layout, layout.last_seen())
    attempt = layout.attempt(run.last.number)
    is_adopted = not attempt.root.exists()
    document = found.config or (config.read(attempt.config) if attempt.config.exists() else None)
    return _Last(run, None if is_adopted else prepare.read_attempt(attempt), document)


def _refuse_completed(request: ResumeRequest, run: Run | None, layout: RunLayout) -> None:
    if run is None or run.state is not State.COMPLETED or request.again:
        return
    example = "   (say with more epochs: --set training.epochs=20)" if layout.config.is_file() else ""
    raise RunDirectoryError(
        f"{shown(layout.root)} has completed",
        hint=f"Go on all the same: {request.start.typed.having('--again').text()}{example}",
    )


def _choose(found: Found, run: Run | None, settings: Settings) -> Choice:
    source, request = found.source, found.request
    superseded = rewinding.superseded(run, source.layout) if run else frozenset()
    if request.from_scratch and request.checkpoint is None and source.named is None:
        return Choice(None, ())
    choice = resumption.choose(
        source,
        request.checkpoint,
        superseded,
        settings.checkpoints.pattern,
        allows_weights=Kind.WEIGHTS in request.allow,
    )
    if choice.chosen is None:
        raise resumption.none_whole(source, choice.skipped, request.start.typed)
    return choice


def _plan(found: Found, last: _Last, settings: Settings, choice: Choice) -> Plan:
    common, layout = found.request.start, found.source.layout
    document = last.document
    if choice.chosen is None and document is not None and found.config is None:
        document = _without_resume(document, layout, settings)
    return plan.make(
        Request(
            document=document,
            settings=settings,
            run_dir=layout.root,
            number=last.run.last.number + 1 if last.run else 1,
            cwd=last.recorded.working_directory() if last.recorded else common.cwd,
            environ=common.environ,
            overrides=common.overrides,
            extra_args=_extra_args(found, last),
            checkpoint=choice.chosen.path if choice.chosen else None,
            typed=common.typed,
        )
    )


def _extra_args(found: Found, last: _Last) -> tuple[str, ...]:
    given = found.request.start.extra_args
    if last.recorded is None or (found.replaces_args and given):
        return given
    return (*last.recorded.arguments(), *given)


def _without_resume(document: Document, layout: RunLayout, settings: Settings) -> Document:
    """The config of the last attempt with what a resume had set in it as it was at first."""
    first = layout.attempt(0).config
    original = config.read(first) if first.is_file() else None
    key = keys.key_in(document, settings.resume_key, keys.RESUME_KEYS)
    edits: list[config.Set | config.Remove] = []
    for name in [*([key] if key else []), *keys.restore_keys(document, key), *settings.resume_set]:
        if document.find(name) is not None:
            value = original.find(name) if original else None
            edits.append(config.Remove(name) if value is None else config.Set(name, value.plain))
    return config.apply(document, edits).document


def _changes(
    planned: Plan, provenance: Provenance, redactor: Redactor, run: Run | None, choice: Choice
) -> tuple[Change, ...]:
    if run is None or choice.chosen is None:
        return ()
    path, written = choice.chosen.path, choice.chosen.manifest
    attempt = written.attempt if written and written.run_id == run.run_id else run.last.number
    return changes.compare(
        snapshot.recorded(planned.layout.attempt(attempt), ranks.world_size(path, written)),
        snapshot.present(planned, provenance, redactor),
        expected=expected_changes(planned),
        is_sharded=ranks.is_sharded(path),
    )


def expected_changes(planned: Plan) -> list[str]:
    """The config keys that a start or a resume sets itself."""
    document, settings = planned.request.document, planned.request.settings
    if document is None:
        return []
    return keys.keys_set_at_start(document, settings.run_dir_key, settings.resume_key, settings.resume_set)


def _refuse_unmeant(typed: Typed, found: Sequence[Change], allowed: frozenset[Kind]) -> None:
    unmeant = [change for change in found if change.needs_consent and change.kind not in allowed]
    if not unmeant:
        return
    told = "".join(f"\n  {change.kind.value}: {change.text}" for change in unmeant)
    allowing = typed.adding("--allow", *sorted({change.kind.value for change in unmeant}))
    raise UsageError(
        f"the checkpoint was written under something else:{told}", hint=f"If that is meant: {allowing.text()}"
    )


def _claimed_run(source: Source, run: Run | None, last_seen: datetime | None) -> Run:
    """The record as it is now that nobody else can write it."""
    layout = source.layout
    if run is None:
        return _adopted(layout)
    now = settle(record.read(layout.record), layout, last_seen)
    if now.last.number != run.last.number:
        raise RunAliveError(
            f"another process just resumed {layout.root}", hint=f"Check it: {Suggestions(layout).info()}"
        )
    return now


def _adopted(layout: RunLayout) -> Run:
    """A record for what a training without tsdia-run left; its attempt is all that came before."""
    began = datetime.fromtimestamp(layout.root.stat().st_mtime, tz=timezone.utc)
    logs = sorted(layout.logs.glob("*.log")) if layout.logs.is_dir() else []
    attempt = Attempt(
        number=0,
        state=State.LOST,
        started_at=began,
        log=os.path.relpath(logs[-1], layout.root) if logs else "",
        host="",
        ended_at=began,
        outcome=Outcome(State.LOST, "it was started without tsdia-run"),
    )
    source = str(layout.config) if layout.config.is_file() else None
    return Run(os.urandom(6).hex(), layout.root.name, began, source_config=source, attempts=(attempt,))
