"""Run one attempt, from a plan and a claimed directory to its ending; shared by all starts."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from tsdia_run.claim.guard import Claim
from tsdia_run.config.source import MAX_CONFIG_BYTES
from tsdia_run.files.atomic import mode_of, write_bytes
from tsdia_run.files.fields import read_bounded
from tsdia_run.files.redaction import Redactor
from tsdia_run.launch import prepare, resumption
from tsdia_run.launch.command import entrypoint_name
from tsdia_run.launch.plan import Plan
from tsdia_run.launch.prepare import Provenance
from tsdia_run.launch.run_variables import run_variables, users_environment
from tsdia_run.rundir import record_file
from tsdia_run.rundir.record import Attempt, Run, State
from tsdia_run.settings import HangSettings
from tsdia_run.supervise.hang import HangTimeouts
from tsdia_run.supervise.job import Job, JobResult
from tsdia_run.supervise.signals import SignalQueue
from tsdia_run.supervise.supervisor import Supervisor
from tsdia_run.text import shell, visible
from tsdia_run.workflow.reporter import AttemptEnd, AttemptStart, Reporter


@dataclass(frozen=True)
class Prepared:
    """An attempt that is ready to start.

    Attributes:
        plan: The plan of the attempt.
        claim: The claim on the run directory.
        run: The record, without the new attempt.
        provenance: The code and environment of the attempt; None to capture them while the training runs.
        superseded: The checkpoints that this attempt supersedes.
        delay_s: The delay before the start, in seconds.
    """

    plan: Plan
    claim: Claim
    run: Run
    provenance: Provenance | None = None
    superseded: tuple[str, ...] = ()
    delay_s: float = 0.0


def carry_out(
    prepared: Prepared,
    reporter: Reporter,
    signals: SignalQueue,
    on_started: Callable[[], None],
    on_hang: Callable[[Run, str], None],
) -> JobResult:
    """Record the attempt, start it, and wait until it has ended.

    Args:
        prepared: The attempt.
        reporter: Receives the messages.
        signals: The signals to this process.
        on_started: Called once the training runs.
        on_hang: Called when the training counts as hung, with the record and the reason.
    """
    plan, request = prepared.plan, prepared.plan.request
    attempt = _attempt(plan, prepared.superseded)
    run = replace(prepared.run.with_attempt(attempt), entrypoint=entrypoint_name(request.settings))
    variables = run_variables(plan, run)
    redactor = Redactor.from_environment({**request.environ, **variables}, request.settings.notify.secrets)
    original = _write(plan, run, variables, redactor)
    reporter.opening(_start_of(plan, attempt, redactor))
    _warn(prepared, reporter)
    job = _job(prepared, run, variables, redactor, on_started, original, reporter, signals)
    ended = Supervisor(replace(job, on_hang=on_hang)).supervise()
    reporter.closing(
        AttemptEnd(
            run_dir=request.run_dir,
            run=ended.run,
            error=ended.words.error,
            wandb_dir={**request.environ, **request.settings.env}.get("WANDB_DIR"),
            warnings=ended.warnings,
            unrecorded=ended.unrecorded,
        )
    )
    return ended


def _write(plan: Plan, run: Run, variables: dict[str, str], redactor: Redactor) -> bytes | None:
    """Record the attempt before its start; return the user's config as stored in the run."""
    request = plan.request
    try:
        if request.number == 0 and request.document is not None:
            mode = mode_of(Path(request.document.source))
            write_bytes(plan.layout.config_named(request.document.name), request.document.data, mode=mode)
        prepare.write_attempt(plan, redactor, variables)
        original = _original(plan.layout.config)
        # Written last: a kill before this point leaves no attempt that a resume can't read.
        record_file.write(plan.layout.record, run)
    except OSError:
        shutil.rmtree(plan.layout.attempt(request.number).root, ignore_errors=True)  # the record does not name it
        raise
    return original


def _original(path: Path) -> bytes | None:
    """Return the user's config as stored in the run; None if it does not exist or can't be read."""
    try:
        return read_bounded(path, MAX_CONFIG_BYTES)
    except (OSError, ValueError):
        return None


def _start_of(plan: Plan, attempt: Attempt, redactor: Redactor) -> AttemptStart:
    return AttemptStart(
        run_dir=plan.request.run_dir,
        attempt=attempt,
        python=(plan.interpreter.path, plan.interpreter.origin),
        launcher=plan.command.how,
        argv=redactor.argv(plan.command.argv),
        environment=redactor.environment(plan.command.environment),
    )


def _warn(prepared: Prepared, reporter: Reporter) -> None:
    request = prepared.plan.request
    dropped = resumption.dropped_by_wandb(prepared.plan.layout, request.checkpoint) if request.number else None
    if dropped:
        reporter.warn(dropped)
    if prepared.provenance:
        reporter.warn(*prepared.provenance.warnings())


def _job(
    prepared: Prepared,
    run: Run,
    variables: dict[str, str],
    redactor: Redactor,
    on_started: Callable[[], None],
    original: bytes | None,
    reporter: Reporter,
    signals: SignalQueue,
) -> Job:
    plan, request = prepared.plan, prepared.plan.request

    def while_starting() -> list[str]:
        on_started()
        found = prepared.provenance or prepare.capture_provenance(plan, redactor)
        prepare.write_provenance(plan.layout.attempt(request.number), found)
        return [] if prepared.provenance else found.warnings()

    return Job(
        claim=prepared.claim,
        run=run,
        argv=plan.command.argv,
        cwd=request.cwd,
        environment={**users_environment(plan), **variables},
        is_delegated=plan.command.is_delegated,
        grace_s=request.settings.stop_grace_s,
        signals=signals,
        say=reporter.note,
        shown_command=shell(redactor.argv(plan.command.argv)),
        logs=request.settings.logs,
        use_terminal=request.settings.pty,
        while_starting=while_starting,
        hash_checkpoints=request.settings.checkpoints.hash,
        original_config=original,
        delay_s=prepared.delay_s,
        time_limit_s=request.settings.time_limit,
        hang_timeouts=_hang_timeouts(request.settings.hang),
    )


def _hang_timeouts(hang: HangSettings) -> HangTimeouts | None:
    if hang.timeout is None:
        return None
    longer_s = 3 * hang.timeout
    return HangTimeouts(hang.timeout, hang.start_timeout or longer_s, hang.save_timeout or longer_s)


def _attempt(plan: Plan, superseded: tuple[str, ...]) -> Attempt:
    request = plan.request
    log = plan.layout.log(request.number, datetime.now())
    return Attempt(
        number=request.number,
        state=State.PREPARING,
        started_at=datetime.now(timezone.utc),
        log=os.path.relpath(log, request.run_dir),
        host=visible(socket.gethostname()),
        checkpoint=_from_run(plan),
        superseded=superseded,
    )


def _from_run(plan: Plan) -> str | None:
    checkpoint, run_dir = plan.request.checkpoint, plan.request.run_dir
    if checkpoint is None:
        return None
    return os.path.relpath(checkpoint, run_dir) if run_dir in checkpoint.parents else str(checkpoint)
