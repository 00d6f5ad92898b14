"""A new attempt of a run: what `resume` does, and `ensure` where a run is unfinished."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone

from tsdia_run import checkpoints, config
from tsdia_run.checkpoints import Choice, ranks, rewinding
from tsdia_run.claim import guard, occupancy
from tsdia_run.cli import asked, start_new
from tsdia_run.cli.attempt import finish
from tsdia_run.cli.detaching import leave_terminal, stay
from tsdia_run.cli.dry_run import show_plan
from tsdia_run.cli.restarting import carry_through
from tsdia_run.cli.start_new import Beginning
from tsdia_run.cli.wanted import Wanted
from tsdia_run.config import Document, keys
from tsdia_run.errors import RunAliveError, RunDirectoryError, TsdiaRunError, UsageError
from tsdia_run.files.redaction import Redactor
from tsdia_run.launch import changes, plan, prepare, resumption, snapshot
from tsdia_run.launch.changes import Change, Kind
from tsdia_run.launch.plan import Plan
from tsdia_run.launch.prepare import Provenance, Recorded
from tsdia_run.launch.request import Request
from tsdia_run.launch.resumption import Source
from tsdia_run.outcome.exit_records import settle, settled
from tsdia_run.rundir import record
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import LIVE, Attempt, Outcome, Run, State
from tsdia_run.rundir.suggestions import MOVE_ASIDE, NAME, Suggestions, Typed, free_name
from tsdia_run.settings import Layer, Settings, resolve
from tsdia_run.text import nearest, shown


@dataclass(frozen=True)
class Wish:
    """How the run is to go on.

    Attributes:
        checkpoint: ``--from``.
        from_scratch: Whether to start from the beginning where no checkpoint is whole.
        again: Whether to go on with a run that completed.
        allow: Changes that are meant.
        config: Another config than the last attempt's.
        replaces_args: Whether the script's arguments that were given now replace the recorded ones.
    """

    checkpoint: str | None = None
    from_scratch: bool = False
    again: bool = False
    allow: frozenset[Kind] = frozenset()
    config: Document | None = None
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


def kinds(words: Sequence[str]) -> frozenset[Kind]:
    """The changes that ``--allow`` names.

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


def start(wanted: Wanted, source: Source, wish: Wish, section: Sequence[Layer] = ()) -> None:
    """Choose a checkpoint, compare, launch, and leave with the ending of the training.

    Args:
        wanted: What the flags ask for.
        source: The run.
        wish: How it is to go on.
        section: Settings of a config that the user named now; they win over those of the last attempt.

    Raises:
        TsdiaRunError: It can't be started; nothing was changed.
    """
    layout, screen = source.layout, wanted.screen
    guard.refuse_living(layout.root)
    last = _last(source, wish)
    _refuse_completed(wanted, last.run, layout, wish)
    before = [last.recorded.settings] if last.recorded else asked.file_layers(last.document, wanted.cwd)
    settings = resolve([wanted.flags, *section, *before])
    choice = _choose(wanted, source, last.run, wish, settings)
    planned = _plan(wanted, layout, last, settings, wish, choice)
    redactor = Redactor.from_environment({**wanted.environ, **planned.command.environment})
    provenance = prepare.capture_provenance(planned, redactor)
    found = _changes(planned, provenance, redactor, last.run, choice)
    if wanted.is_dry_run:
        show_plan(planned, None, as_json=wanted.as_json, skipped=choice.skipped, changes=found)
        return
    _refuse_unmeant(wanted.typed.as_resume(layout.root), found, wish.allow)
    screen.warn(*(f"skipped {shown(one.path)}: {one.reason}" for one in choice.skipped))
    for note in planned.notes:
        screen.note(note)
    screen.warn(*planned.warnings, *(last.recorded.warnings(wanted.environ) if last.recorded else ()))
    for change in found:
        screen.note(f"changed {change.kind.value}: {change.text}")
    last_seen = layout.last_seen()
    with guard.claim_existing(layout.root) as claim:
        screen.warn(*claim.warnings)
        run = _claimed_run(source, last.run, last_seen)
        if source.run and source.run.state in LIVE and run.last.outcome:
            # Its supervisor was killed, so nobody has told it yet.
            screen.note(f"attempt {run.last.number}: {run.state.value}: {run.last.outcome.reason}")
        superseded = rewinding.beyond(layout, planned.request.checkpoint, settings.checkpoints.pattern)
        if superseded:
            screen.note(f"kept, but no longer counted: {', '.join(superseded)}")
        on_started = leave_terminal(claim) if wanted.is_detached else stay
        ended = carry_through(planned, claim, run, screen, provenance, superseded, on_started)
    finish(ended)


def _last(source: Source, wish: Wish) -> _Last:
    layout = source.layout
    if source.run is None:
        document = wish.config or (config.read(layout.config) if layout.config.is_file() else None)
        return _Last(None, None, document)
    run = settled(source.run, layout, layout.last_seen())
    attempt = layout.attempt(run.last.number)
    is_adopted = not attempt.root.exists()
    document = wish.config or (config.read(attempt.config) if attempt.config.exists() else None)
    return _Last(run, None if is_adopted else prepare.read_attempt(attempt), document)


def _refuse_completed(wanted: Wanted, run: Run | None, layout: RunLayout, wish: Wish) -> None:
    if run is None or run.state is not State.COMPLETED or wish.again:
        return
    example = "   (say with more epochs: --set training.epochs=20)" if layout.config.is_file() else ""
    raise RunDirectoryError(
        f"{shown(layout.root)} has completed",
        hint=f"Go on all the same: {wanted.typed.having('--again').text()}{example}",
    )


def _choose(wanted: Wanted, source: Source, run: Run | None, wish: Wish, settings: Settings) -> Choice:
    superseded = rewinding.superseded(run, source.layout) if run else frozenset()
    if wish.from_scratch and wish.checkpoint is None and source.named is None:
        return Choice(None, ())
    choice = resumption.choose(
        source,
        wish.checkpoint,
        superseded,
        settings.checkpoints.pattern,
        allows_weights=Kind.WEIGHTS in wish.allow,
    )
    if choice.chosen is None:
        raise resumption.none_whole(source, choice.skipped, wanted.typed)
    return choice


def _plan(wanted: Wanted, layout: RunLayout, last: _Last, settings: Settings, wish: Wish, choice: Choice) -> Plan:
    document = last.document
    if choice.chosen is None and document is not None and wish.config is None:
        document = _without_resume(document, layout, settings)
    return plan.make(
        Request(
            document=document,
            settings=settings,
            run_dir=layout.root,
            number=last.run.last.number + 1 if last.run else 1,
            cwd=last.recorded.working_directory() if last.recorded else wanted.cwd,
            environ=wanted.environ,
            overrides=wanted.overrides,
            extra_args=_extra_args(wanted, last, wish),
            checkpoint=choice.chosen.path if choice.chosen else None,
            typed=wanted.typed,
        )
    )


def _extra_args(wanted: Wanted, last: _Last, wish: Wish) -> tuple[str, ...]:
    if last.recorded is None or (wish.replaces_args and wanted.extra_args):
        return wanted.extra_args
    return (*last.recorded.arguments(), *wanted.extra_args)


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
        expected=_expected(planned.request.settings, planned.request.document),
        is_sharded=ranks.is_sharded(path),
    )


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


def has_saved(layout: RunLayout, settings: Settings) -> bool:
    """Whether the run has any checkpoint, complete or not."""
    return bool(checkpoints.find(layout.root, settings.checkpoints.pattern or None))


def examine(wanted: Wanted, beginning: Beginning) -> State | None:
    """Where a run stands that somebody wants to be there, made of this config.

    Returns:
        The state of the run; None where it never began and its config has changed: it is to be started anew.

    Raises:
        RunAliveError: It lives.
        DamagedRunError: Its record can't be read.
        RunDirectoryError: It was made of another config.
    """
    layout = RunLayout(beginning.directory)
    guard.refuse_living(layout.root)
    run = settled(record.read(layout.record), layout, layout.last_seen())
    changed = _config_changes(start_new.plan_new(wanted, beginning), layout)
    if changed and occupancy.never_began(layout.root):
        return None
    if changed:
        raise _of_another_config(wanted.typed, beginning, run.state, changed)
    return run.state


def record_ending(layout: RunLayout) -> None:
    """Write down the ending of a run that does not live, if its supervisor was killed before it could."""
    with suppress(OSError, TsdiaRunError):  # the run has ended whether that can be written down or not
        if record.read(layout.record).state in LIVE:
            last_seen = layout.last_seen()
            with guard.claim_existing(layout.root):
                settle(record.read(layout.record), layout, last_seen)


def _config_changes(planned: Plan, layout: RunLayout) -> tuple[Change, ...]:
    document = planned.request.document
    if planned.script_config is None or document is None:
        return ()
    return changes.compare(
        snapshot.recorded_config(layout),
        snapshot.config_only(planned.script_config.document),
        expected=_expected(planned.request.settings, document),
        is_sharded=False,
    )


def _of_another_config(
    typed: Typed, beginning: Beginning, state: State, changed: Sequence[Change]
) -> RunDirectoryError:
    layout, document = RunLayout(beginning.directory), beginning.document
    told = "".join(f"\n  {change.text}" for change in changed)
    if has_saved(layout, beginning.settings) and document is not None:
        resumed = typed.as_resume(layout.root).having("--config", document.source)
        resumed = resumed.having("--again") if state is State.COMPLETED else resumed
        instead = f"Go on with the change: {resumed.text()}"
    else:
        instead = f"Move it aside first:   {typed.as_new().having(MOVE_ASIDE).text()}"
    beside = typed.having(NAME, free_name(layout.root)).text()
    return RunDirectoryError(
        f"{shown(layout.root)} was made of another config:{told}", hint=f"{instead}\nStart beside it:       {beside}"
    )


def _expected(settings: Settings, document: Document | None) -> list[str]:
    """The config keys that a start or a resume sets itself."""
    if document is None:
        return []
    resume_key = keys.key_in(document, settings.resume_key, keys.RESUME_KEYS)
    usual = (
        keys.key_in(document, settings.run_dir_key, keys.RUN_DIR_KEYS),
        *((resume_key,) if resume_key else keys.RESUME_KEYS),
        *keys.restore_keys(document, resume_key),
    )
    return [key for key in (*usual, *settings.resume_set) if key]
