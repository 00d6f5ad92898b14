"""The last attempt of a run, as a resume needs it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from tsdia_run import config
from tsdia_run.config import Document, keys
from tsdia_run.errors import ConfigError, NotFoundError
from tsdia_run.errors.placing import Overtaken, UntrustedRun
from tsdia_run.files.ownership import Trust
from tsdia_run.launch import recorded
from tsdia_run.launch.recorded import Recorded
from tsdia_run.launch.resumption import Source
from tsdia_run.outcome.settle import settle, settled
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Attempt, Outcome, Run, State
from tsdia_run.settings import Layer, Settings
from tsdia_run.settings.from_files import notify_layer, section_layer
from tsdia_run.workflow.own_ids import with_own_ids
from tsdia_run.workflow.reporter import Reporter


@dataclass(frozen=True)
class LastAttempt:
    """The last attempt of a run.

    Attributes:
        run: The record, with the ending that a killed supervisor did not write; None if not created by tsdia-run.
        recorded: The recorded inputs of the last attempt.
        document: The config of the last attempt.
        notify: The settings of notifications in the user's config, which no other file of the run has.
    """

    run: Run | None
    recorded: Recorded | None
    document: Document | None
    notify: Layer


def last_attempt(source: Source, instead: Document | None, trust: Trust) -> LastAttempt:
    """Return the last attempt of a run.

    Args:
        source: The run.
        instead: A config that replaces the last attempt's.
        trust: Whose files may set what runs.

    Raises:
        DamagedRunError: The recorded inputs of the last attempt can't be read.
        UntrustedRun: Another user could have written them.
    """
    layout = source.layout
    if source.run is None:
        _refuse_files_of_others(layout, [] if instead else [layout.config], trust)
        document = instead or (config.read(layout.config) if layout.config.is_file() else None)
        return LastAttempt(None, None, document, Layer("no config"))
    run = settled(source.run, layout, layout.last_seen())
    attempt = layout.attempt(run.last.number)
    is_adopted = not attempt.root.exists()
    _refuse_files_of_others(
        layout, [layout.record, attempt.root, attempt.command, *([] if instead else [attempt.config])], trust
    )
    document = instead or (config.read(attempt.config) if attempt.config.exists() else None)
    found = None if is_adopted else recorded.read_attempt(attempt)
    return LastAttempt(run, found, document, _notify(layout, trust))


def _notify(layout: RunLayout, trust: Trust) -> Layer:
    """Return the settings of notifications in the user's config, as stored in the run."""
    with suppress(ConfigError, NotFoundError):  # the run was started without a config, or the script replaced it
        layer = notify_layer(section_layer(config.read(layout.config)))
        if layer.values:
            _refuse_files_of_others(layout, [layout.config], trust)
        return layer
    return Layer("no config")


def _refuse_files_of_others(layout: RunLayout, files: Sequence[Path], trust: Trust) -> None:
    """Refuse to run what a file names that another user could have written."""
    for path in files:
        doubt = trust.doubt(path) if os.path.exists(path) else None  # a missing file has its own error
        if doubt:
            raise UntrustedRun(layout.root, path, doubt)


def without_resume(document: Document, layout: RunLayout, settings: Settings) -> Document:
    """Return the config of the last attempt, with the keys that a resume sets restored to their first values."""
    first = layout.attempt(0).config
    original = config.read(first) if first.is_file() else None
    key = keys.resume_key(document, settings.resume_key)
    edits: list[config.Set | config.Remove] = []
    for name in [*([key] if key else []), *keys.restore_keys(document, key), *settings.resume_set]:
        if document.find(name) is not None:
            value = original.find(name) if original else None
            edits.append(config.Remove(name) if value is None else config.Set(name, value.plain))
    return config.apply(document, edits).document


def claimed_run(source: Source, run: Run | None, last_seen: datetime | None, reporter: Reporter) -> Run:
    """Return the current record of a claimed run, which no other process can write; a copy gets ids of its own.

    Args:
        source: The run; the caller owns its claim.
        run: Its record before the claim; None for a run not created by tsdia-run.
        last_seen: The last heartbeat of its supervisor.
        reporter: Receives the messages.

    Raises:
        RunAliveError: Another process has resumed it in the meantime.
    """
    layout = source.layout
    if run is None:
        return _adopted(layout)
    now = settle(record_file.read(layout.record), layout, last_seen)
    if now.last.number != run.last.number:
        raise Overtaken(layout.root, "resumed")
    return with_own_ids(now, layout, reporter)


def _adopted(layout: RunLayout) -> Run:
    """Return a record for a directory not created by tsdia-run; its attempt stands for all earlier training."""
    began = datetime.fromtimestamp(layout.root.stat().st_mtime, tz=timezone.utc)
    logs = sorted(layout.logs.glob("*.log")) if layout.logs.is_dir() else []
    attempt = Attempt(
        number=0,
        state=State.LOST,
        started_at=began,
        log=os.path.relpath(logs[-1], layout.root) if logs else "",
        host="",
        ended_at=began,
        outcome=Outcome(State.LOST, "started without tsdia-run"),
    )
    source = str(layout.config) if layout.config.is_file() else None
    return Run(os.urandom(6).hex(), layout.root.name, began, source_config=source, attempts=(attempt,))
