"""From a plan and a claimed directory to the end of the attempt: what `new` and `resume` have in common."""

from __future__ import annotations

import math
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import NoReturn

from tsdia_run.claim.guard import Claim
from tsdia_run.claim.processes import TAG
from tsdia_run.cli.detaching import stay
from tsdia_run.cli.screen import Screen
from tsdia_run.config.source import MAX_CONFIG_BYTES
from tsdia_run.files.atomic import write_bytes
from tsdia_run.files.fields import read_bounded
from tsdia_run.files.redaction import Redactor
from tsdia_run.launch import prepare, resumption
from tsdia_run.launch.command import entrypoint_name
from tsdia_run.launch.plan import Plan
from tsdia_run.launch.prepare import Provenance
from tsdia_run.outcome.classify import exit_status
from tsdia_run.rundir import record
from tsdia_run.rundir.record import Attempt, Run, State
from tsdia_run.settings import HangSettings
from tsdia_run.supervise.hang import Patience
from tsdia_run.supervise.job import Ended, Job
from tsdia_run.supervise.signals import die_of
from tsdia_run.supervise.supervisor import Supervisor
from tsdia_run.text import shell, visible

_PREFIX = "TSDIA_RUN_"


def carry_out(
    plan: Plan,
    claim: Claim,
    run: Run,
    screen: Screen,
    provenance: Provenance | None = None,
    superseded: tuple[str, ...] = (),
    on_started: Callable[[], None] = stay,
    delay_s: float = 0.0,
) -> Ended:
    """Record the attempt, start it, and stay until it has ended.

    Args:
        plan: What to start.
        claim: The right to the run directory.
        run: The record so far, without the new attempt.
        screen: Where to say what happens.
        provenance: Where the attempt comes from, if that is known already; else it is found out beside the training.
        superseded: The checkpoints that the attempt goes back behind.
        on_started: Called once the training runs.
        delay_s: How long to wait before it is started.
    """
    request = plan.request
    attempt = _attempt(plan, superseded)
    run = replace(run.with_attempt(attempt), entrypoint=entrypoint_name(request.settings))
    if request.number == 0 and request.document is not None:
        write_bytes(plan.layout.config_named(request.document.name), request.document.data)
    ours = {
        **_wandb_variables(plan, run),
        **_launcher_variables(plan),
        **plan.command.environment,
        TAG: run.run_id,
        "TSDIA_RUN_ATTEMPT": str(request.number),
    }
    redactor = Redactor.from_environment({**request.environ, **ours})
    prepare.write_attempt(plan, redactor, ours)
    original = _original(plan.layout.config)
    # Last, so that whatever dies before leaves no attempt that a resume could not read.
    record.write(plan.layout.record, run)
    screen.opening(plan, attempt)
    dropped = resumption.dropped_by_wandb(plan.layout, request.checkpoint) if request.number else None
    if dropped:
        screen.warn(dropped)

    if provenance:
        screen.warn(*provenance.warnings())

    def beside() -> list[str]:
        on_started()
        found = provenance or prepare.capture_provenance(plan, redactor)
        prepare.write_provenance(plan.layout.attempt(request.number), found)
        return [] if provenance else found.warnings()

    job = Job(
        claim=claim,
        run=run,
        argv=plan.command.argv,
        cwd=request.cwd,
        environment={**_users_environment(plan), **ours},
        is_delegated=plan.command.is_delegated,
        grace_s=request.settings.stop_grace_s,
        shown_command=shell(redactor.argv(plan.command.argv)),
        logs=request.settings.logs,
        use_terminal=request.settings.pty,
        beside=beside,
        hash_checkpoints=request.settings.checkpoints.hash,
        original_config=original,
        delay_s=delay_s,
        time_limit_s=request.settings.time_limit,
        patience=_patience(request.settings.hang),
    )
    ended = Supervisor(job).supervise()
    screen.closing(plan, ended)
    return ended


def _original(path: Path) -> bytes | None:
    """The user's config as it is in the run; None where there is none, or something else in its place."""
    try:
        return read_bounded(path, MAX_CONFIG_BYTES)
    except (OSError, ValueError):
        return None


def _wandb_variables(plan: Plan, run: Run) -> dict[str, str]:
    """What makes one W&B run of all attempts; the user's own variables win."""
    identity, name = run.wandb_id or run.run_id, run.wandb_name or run.name
    if plan.command.is_hooked and "trackers" in plan.request.settings.hooks.names():
        # The hook gives them to the first `wandb.init` alone.
        variables = {"TSDIA_RUN_WANDB_ID": identity, "TSDIA_RUN_WANDB_NAME": name}
    else:
        variables = {"WANDB_RUN_ID": identity, "WANDB_NAME": name, "WANDB_RESUME": "allow"}
    variables["WANDB_DIR"] = str(plan.request.run_dir)
    return {key: value for key, value in variables.items() if key not in plan.request.environ}


def _launcher_variables(plan: Plan) -> dict[str, str]:
    """How long torch's launcher lets the ranks end by themselves: 30 s unless it is told."""
    name = "TORCH_ELASTIC_SHUTDOWN_TIMEOUT"
    if not plan.command.is_delegated or name in plan.request.environ:
        return {}
    return {name: str(math.ceil(plan.request.settings.stop_grace_s))}


def _patience(hang: HangSettings) -> Patience | None:
    if hang.timeout is None:
        return None
    longer_s = 3 * hang.timeout
    return Patience(hang.timeout, hang.start_timeout or longer_s, hang.save_timeout or longer_s)


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


def _users_environment(plan: Plan) -> dict[str, str]:
    """Without what an outer tsdia-run told its own script."""
    return {name: value for name, value in plan.request.environ.items() if not name.startswith(_PREFIX)}


def finish(ended: Ended) -> NoReturn:
    """Leave with the ending of the training as our own."""
    outcome = ended.run.last.outcome
    if ended.stop is not None and not ended.stop.is_hang:
        sys.stdout.flush()
        sys.stderr.flush()
        die_of(ended.stop.signal)
    sys.exit(exit_status(outcome) if outcome else os.EX_SOFTWARE)
