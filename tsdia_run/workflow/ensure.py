"""Start, resume or skip a run, as needed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from tsdia_run import checkpoints
from tsdia_run.claim import guard, occupancy
from tsdia_run.errors import TsdiaRunError
from tsdia_run.errors.placing import OtherConfig
from tsdia_run.launch import changes, snapshot
from tsdia_run.launch.changes import Change
from tsdia_run.launch.plan import Plan
from tsdia_run.launch.resumption import find_source, refuse_silent_start
from tsdia_run.outcome.settle import settle, settled
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import LIVE, State
from tsdia_run.settings import Settings
from tsdia_run.text import shown
from tsdia_run.workflow import new
from tsdia_run.workflow.new import Beginning
from tsdia_run.workflow.own_ids import with_own_ids
from tsdia_run.workflow.preview import Preview
from tsdia_run.workflow.reporter import Reporter
from tsdia_run.workflow.request import NewRequest, ResumeRequest
from tsdia_run.workflow.results import AlreadyCompleted, Result
from tsdia_run.workflow.resume import Found, expected_changes, preview_found, resume


def start(request: NewRequest, reporter: Reporter) -> Result:
    """Start the run if it does not exist, resume it if it is unfinished, do nothing if it has completed.

    Raises:
        TsdiaRunError: The run can't be started; nothing was changed.
    """
    needed = _needed(request)
    if isinstance(needed, AlreadyCompleted):
        _record_ending(RunLayout(needed.run_dir), reporter)
        return needed
    return new.begin(needed, reporter) if isinstance(needed, Beginning) else resume(needed, reporter)


def preview(request: NewRequest) -> Preview | AlreadyCompleted:
    """Return what ``start`` would start, without changing anything.

    Raises:
        TsdiaRunError: The run can't be started.
    """
    needed = _needed(request)
    if isinstance(needed, AlreadyCompleted):
        return needed
    return new.preview_beginning(needed) if isinstance(needed, Beginning) else preview_found(needed)


def _needed(request: NewRequest) -> Beginning | Found | AlreadyCompleted:
    """Return the run to start, the run to resume, or the completed run."""
    beginning = new.describe(request)
    layout = RunLayout(beginning.directory)
    state = _examine(beginning) if layout.record.is_file() else None
    if state is None:
        return beginning
    if state is State.COMPLETED:
        return AlreadyCompleted(layout.root)
    has_saved = _has_saved(layout, beginning.settings)
    if not has_saved:
        refuse_silent_start(layout, beginning.settings.checkpoints.pattern or None)
    start = replace(beginning.request.start, extra_args=beginning.extra_args)
    resumed = ResumeRequest(start, str(layout.root), from_scratch=not has_saved)
    source, config_section = find_source(resumed.target), beginning.section[0]
    return Found(resumed, source, None, config_section, beginning.restated, replaces_args=True)


def _examine(beginning: Beginning) -> State | None:
    """Return the state of an existing run that was started with this config.

    Returns:
        The state; None if the run never began and its config has changed: then it must be started again.

    Raises:
        RunAliveError: The run is running.
        DamagedRunError: Its record can't be read.
        RunDirectoryError: It was started with a different config.
    """
    layout = RunLayout(beginning.directory)
    guard.refuse_running(layout.root)
    run = settled(record_file.read(layout.record), layout, layout.last_seen())
    changed = _config_changes(new.plan_first(beginning), layout)
    if changed and occupancy.never_began(layout.root):
        return None
    if changed:
        raise _different_config(beginning, run.state, changed)
    return run.state


def _config_changes(planned: Plan, layout: RunLayout) -> tuple[Change, ...]:
    document = planned.request.document
    if planned.script_config is None or document is None:
        return ()
    return changes.compare(
        snapshot.recorded_config(layout),
        snapshot.config_only(planned.script_config.document),
        expected=expected_changes(planned),
        is_sharded=False,
    )


def _different_config(beginning: Beginning, state: State, changed: Sequence[Change]) -> OtherConfig:
    layout, document = RunLayout(beginning.directory), beginning.document
    differences = "".join(f"\n  {change.text}" for change in changed)
    has_saved = _has_saved(layout, beginning.settings)
    return OtherConfig(
        f"{shown(layout.root)} was started with a different config:{differences}",
        layout.root,
        resumable_with=document.source if has_saved and document is not None else None,
        is_completed=state is State.COMPLETED,
    )


def _has_saved(layout: RunLayout, settings: Settings) -> bool:
    """Return whether the run has any checkpoint, complete or not."""
    return bool(checkpoints.find(layout.root, settings.checkpoints.pattern or None))


def _record_ending(layout: RunLayout, reporter: Reporter) -> None:
    """Record the ending of a run that is not running, if its supervisor was killed before it could do so."""
    with suppress(OSError, TsdiaRunError):  # the run has ended, even if that can't be recorded
        if record_file.read(layout.record).state in LIVE:
            last_seen = layout.last_seen()
            with guard.claim_existing(layout.root):
                run = settle(record_file.read(layout.record), layout, last_seen)
                with_own_ids(run, layout, reporter)
