"""Stop a running run from another process: write the request, and wait until the run has ended."""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime, timezone
from signal import SIGTERM

from tsdia_run.claim import guard, owner
from tsdia_run.claim.liveness import RunningProcesses, living
from tsdia_run.claim.processes import users_of
from tsdia_run.errors import NotFoundError, RunAliveError, RunDirectoryError
from tsdia_run.files.ownership import other_owner
from tsdia_run.launch.resumption import find_source
from tsdia_run.outcome import stop_request
from tsdia_run.outcome.classify import Stop
from tsdia_run.outcome.settle import settle, settled
from tsdia_run.outcome.stop_request import StopRequest
from tsdia_run.report.names import run_to_change
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import LIVE, Run
from tsdia_run.supervise.process import end_orphans
from tsdia_run.supervise.run_processes import RunProcesses, recorded_grace_s
from tsdia_run.supervise.stop_sequence import wait_message
from tsdia_run.text import age, shown
from tsdia_run.workflow.own_ids import with_own_ids
from tsdia_run.workflow.reporter import Reporter

_LOOK_S = 0.2
# A supervisor updates the heartbeat every five seconds.
_SILENT_S = 30.0


def stop(target: str, reporter: Reporter, *, is_now: bool = False) -> Run:
    """Request a run to stop, wait until it has stopped, and report its ending.

    Args:
        target: The run, by path or name.
        reporter: Receives the messages.
        is_now: Whether to kill the training, without time to save.

    Returns:
        The record of the run, which has ended.

    Raises:
        NotFoundError: The directory was not created by tsdia-run.
        RunAliveError: The run can't be stopped from this machine.
        RunDirectoryError: It is a run of another user.
    """
    source = find_source(run_to_change(target))
    layout, run = source.layout, source.run
    if run is None:
        raise NotFoundError(
            f"{layout.root} was not created by tsdia-run: `tsdia-run stop` can't stop its training",
            hint="Stop the training in the terminal or job that started it.",
        )
    alive = living(layout)
    if alive is RunningProcesses.NOTHING:
        run = settled(run, layout, layout.last_seen())
        reporter.note(f"{shown(layout.root)} is not running ({_ending(run)})")
        return run
    _refuse_others_run(layout, run)
    host = socket.gethostname()
    request = StopRequest(Stop(SIGTERM, f"stopped by `tsdia-run stop` on {host}"), is_now)
    stop_request.write(layout.attempt(run.last.number), request)
    is_supervised = alive is RunningProcesses.SUPERVISED
    run = _wait(layout, run, request, reporter) if is_supervised else _end(layout, run, reporter, is_now)
    reporter.note(f"{shown(layout.root)}: {_ending(run)}")
    return run


def _refuse_others_run(layout: RunLayout, run: Run) -> None:
    """Refuse a run of another user: its supervisor would not see a request that can't be written."""
    user = other_owner(layout.root)
    if user is not None and not os.access(layout.attempt(run.last.number).root, os.W_OK):
        raise RunDirectoryError(
            f"can't stop {shown(layout.root)}: it belongs to {user}", hint=f"Ask {user} to stop it, or stop it as root."
        )


def _ending(run: Run) -> str:
    outcome = run.last.outcome
    return outcome.sentence() if outcome else run.state.value


def _wait(layout: RunLayout, run: Run, request: StopRequest, reporter: Reporter) -> Run:
    """Wait until the supervisor has recorded the ending, or has exited."""
    supervisor = owner.last(layout)
    wait = "waiting for the run to end" if request.is_now else wait_message(recorded_grace_s(layout))
    reporter.note(f"stop requested ({supervisor or 'its supervisor'}); {wait} (Ctrl-C only ends the waiting)")
    if supervisor is not None and owner.wake(supervisor):
        reporter.note("the run was suspended (Ctrl-Z or SIGSTOP); it continues, so that it can stop")
    has_warned = False
    while True:
        now = record_file.read(layout.record)
        if now.state not in LIVE:
            return now
        if now.last.number != run.last.number:  # the run restarted before it read the request
            run = now
            stop_request.write(layout.attempt(run.last.number), request)
        seen = layout.last_seen()
        silent = datetime.now(timezone.utc) - seen if seen else None
        if living(layout) is RunningProcesses.NOTHING:
            return settled(record_file.read(layout.record), layout, seen)
        if not has_warned and silent is not None and silent.total_seconds() > _SILENT_S:
            has_warned = True
            reporter.warn(f"no heartbeat for {age(silent)}; the run stops when its supervisor reads the request")
        time.sleep(_LOOK_S)


def _end(layout: RunLayout, run: Run, reporter: Reporter, is_now: bool) -> Run:
    """Stop the training in place of its supervisor, which was killed."""
    grace_s = 0.0 if is_now else recorded_grace_s(layout)
    reporter.note(f"the supervisor has exited; stopping the training directly: {wait_message(grace_s)}")
    last_seen = layout.last_seen()
    found = RunProcesses(run.run_id, layout)
    # Those that have overwritten their environment. A reader has the file open only for a moment.
    found.include(set(users_of(layout.alive)).intersection(users_of(layout.alive)))
    left = end_orphans(found, grace_s, lambda: is_now)
    if left.remaining or living(layout) is not RunningProcesses.NOTHING:
        raise RunAliveError(
            f"can't stop the training in {layout.root} from here: it runs on {run.last.host} or as another user",
            hint="Run the same command on that machine, as that user.",
        )
    with guard.claim_existing(layout.root):
        return with_own_ids(settle(record_file.read(layout.record), layout, last_seen), layout, reporter)
