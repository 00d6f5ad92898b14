"""What a run was until now: its last attempt, as a resume needs it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from tsdia_run import config
from tsdia_run.config import Document, keys
from tsdia_run.errors.placing import Overtaken
from tsdia_run.launch import prepare
from tsdia_run.launch.prepare import Recorded
from tsdia_run.launch.resumption import Source
from tsdia_run.outcome.settle import settle, settled
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Attempt, Outcome, Run, State
from tsdia_run.settings import Layer, Settings
from tsdia_run.settings.from_files import project_layer, section_layer


@dataclass(frozen=True)
class LastAttempt:
    """What the run was until now.

    Attributes:
        run: Its record, with the ending that a dead supervisor could not write; None for one left by others.
        recorded: What its last attempt was started with.
        document: The config of its last attempt.
    """

    run: Run | None
    recorded: Recorded | None
    document: Document | None

    def settings(self, cwd: Path) -> tuple[Layer, ...]:
        """Its settings; of a run left by others, those of its config and of the project file found from ``cwd``."""
        if self.recorded:
            return (self.recorded.settings,)
        return section_layer(self.document), project_layer(cwd)


def last_attempt(source: Source, instead: Document | None) -> LastAttempt:
    """What a run was until now.

    Args:
        source: The run.
        instead: Another config than the last attempt's.

    Raises:
        DamagedRunError: What its last attempt was started with can't be read.
    """
    layout = source.layout
    if source.run is None:
        document = instead or (config.read(layout.config) if layout.config.is_file() else None)
        return LastAttempt(None, None, document)
    run = settled(source.run, layout, layout.last_seen())
    attempt = layout.attempt(run.last.number)
    is_adopted = not attempt.root.exists()
    document = instead or (config.read(attempt.config) if attempt.config.exists() else None)
    return LastAttempt(run, None if is_adopted else prepare.read_attempt(attempt), document)


def without_resume(document: Document, layout: RunLayout, settings: Settings) -> Document:
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


def claimed_run(source: Source, run: Run | None, last_seen: datetime | None) -> Run:
    """The record as it is now that nobody else can write it.

    Args:
        source: The run, whose claim the caller holds.
        run: Its record before it was claimed; None for a run left by others.
        last_seen: When its supervisor last gave a sign of life.

    Raises:
        RunAliveError: Another process has resumed it meanwhile.
    """
    layout = source.layout
    if run is None:
        return _adopted(layout)
    now = settle(record_file.read(layout.record), layout, last_seen)
    if now.last.number != run.last.number:
        raise Overtaken(layout.root, "resumed")
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
