"""From a plan and a claimed directory to the end of the attempt: what `new` and `resume` have in common."""

from __future__ import annotations

import os
import socket
import sys
from datetime import datetime, timezone
from typing import NoReturn

from tsdia_run.cli.screen import Screen
from tsdia_run.launch import prepare
from tsdia_run.launch.plan import Plan
from tsdia_run.rundir import record
from tsdia_run.rundir.atomic import write_bytes
from tsdia_run.rundir.ending import exit_status
from tsdia_run.rundir.guard import Claim
from tsdia_run.rundir.record import Attempt, Run, State
from tsdia_run.rundir.redaction import Redactor
from tsdia_run.supervise.process import TAG
from tsdia_run.supervise.signals import die_of
from tsdia_run.supervise.supervisor import Ended, Job, Supervisor
from tsdia_run.words import shell

_PREFIX = "TSDIA_RUN_"


def carry_out(plan: Plan, claim: Claim, run: Run, screen: Screen) -> Ended:
    """Record the attempt, start it, and stay until it has ended.

    Args:
        plan: What to start.
        claim: The right to the run directory.
        run: The record so far, without the new attempt.
        screen: Where to say what happens.
    """
    request = plan.request
    attempt = _attempt(plan)
    run = run.with_attempt(attempt)
    record.write(plan.layout.record, run)
    if request.number == 0 and request.document is not None:
        write_bytes(plan.layout.config, request.document.data)
    original = plan.layout.config.read_bytes() if request.document is not None else None
    ours = {**plan.command.environment, TAG: run.run_id, "TSDIA_RUN_ATTEMPT": str(request.number)}
    redactor = Redactor.from_environment({**request.environ, **ours})
    prepare.write_attempt(plan, redactor, ours)
    screen.opening(plan, attempt)
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
        beside=lambda: prepare.write_provenance(plan, redactor),
        hash_checkpoints=request.settings.checkpoints.hash,
        original_config=original,
    )
    ended = Supervisor(job).supervise()
    screen.closing(plan, ended)
    return ended


def _attempt(plan: Plan) -> Attempt:
    request = plan.request
    log = plan.layout.log(request.number, datetime.now())
    return Attempt(
        number=request.number,
        state=State.PREPARING,
        started_at=datetime.now(timezone.utc),
        log=os.path.relpath(log, request.run_dir),
        host=socket.gethostname(),
        checkpoint=_from_run(plan),
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
    if ended.stop is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        die_of(ended.stop)
    sys.exit(exit_status(outcome) if outcome else os.EX_SOFTWARE)
