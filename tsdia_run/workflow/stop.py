"""Stopping a run from outside: leave the request, and stay until the run has ended."""

from __future__ import annotations

import socket
import time
from datetime import datetime, timezone
from signal import SIGTERM

from tsdia_run.claim import guard, owner
from tsdia_run.claim.liveness import Living, living
from tsdia_run.errors import NotFoundError, RunAliveError, TsdiaRunError
from tsdia_run.launch.prepare import read_attempt
from tsdia_run.launch.resumption import find_source
from tsdia_run.outcome import stop_request
from tsdia_run.outcome.classify import Stop
from tsdia_run.outcome.exit_records import settle, settled
from tsdia_run.outcome.stop_request import StopRequest
from tsdia_run.report.names import run_path
from tsdia_run.rundir import record
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import LIVE, Run
from tsdia_run.settings import resolve
from tsdia_run.supervise.process import end_orphans
from tsdia_run.text import age, shown
from tsdia_run.workflow.reporter import Reporter

_LOOK_S = 0.2
# A supervisor beats every five seconds.
_SILENT_S = 30.0


def stop(target: str, reporter: Reporter, *, is_now: bool = False) -> Run:
    """Ask a run to stop, wait until it has, and tell its ending.

    Args:
        target: The run, by path or name.
        reporter: Told what happens.
        is_now: Whether the training is killed, and gets no time to save.

    Returns:
        The record of the run, which has ended.

    Raises:
        NotFoundError: A training without tsdia-run made the directory.
        RunAliveError: It can't be ended from here.
    """
    source = find_source(run_path(target))
    layout, run = source.layout, source.run
    if run is None:
        raise NotFoundError(
            f"{layout.root} was made by a training without tsdia-run, which nobody here can stop",
            hint="Stop it where it was started.",
        )
    alive = living(layout)
    if alive is Living.NOTHING:
        run = settled(run, layout, layout.last_seen())
        reporter.note(f"{shown(layout.root)} does not run: {_ending(run)}")
        return run
    host = socket.gethostname()
    request = StopRequest(Stop(SIGTERM, f"stopped by `tsdia-run stop` on {host}"), is_now)
    stop_request.write(layout.attempt(run.last.number).stop, request)
    run = _wait(layout, run, request, reporter) if alive is Living.SUPERVISED else _end(layout, run, reporter, is_now)
    reporter.note(f"{shown(layout.root)}: {_ending(run)}")
    return run


def _ending(run: Run) -> str:
    outcome = run.last.outcome
    return f"{run.state.value}: {outcome.reason}" if outcome else run.state.value


def _wait(layout: RunLayout, run: Run, request: StopRequest, reporter: Reporter) -> Run:
    """Until its supervisor has recorded the end, or is gone."""
    asked = owner.last(layout) or "its supervisor"
    reporter.note(f"asked {asked}; waiting for the end of the training (Ctrl-C ends the waiting only)")
    was_told = False
    while True:
        now = record.read(layout.record)
        if now.state not in LIVE:
            return now
        if now.last.number != run.last.number:  # a restart was faster than the request
            run = now
            stop_request.write(layout.attempt(run.last.number).stop, request)
        seen = layout.last_seen()
        silent = datetime.now(timezone.utc) - seen if seen else None
        if living(layout) is Living.NOTHING:
            return settled(record.read(layout.record), layout, seen)
        if not was_told and silent is not None and silent.total_seconds() > _SILENT_S:
            was_told = True
            reporter.warn(f"no sign of life for {age(silent)}; it ends when its supervisor sees the request")
        time.sleep(_LOOK_S)


def _end(layout: RunLayout, run: Run, reporter: Reporter, is_now: bool) -> Run:
    """Do what its supervisor would have done, had it not been killed."""
    reporter.note("its supervisor is gone; ending the training itself")
    try:
        grace_s = resolve([read_attempt(layout.attempt(run.last.number)).settings]).stop_grace_s
    except TsdiaRunError:
        grace_s = resolve([]).stop_grace_s
    last_seen = layout.last_seen()
    if not end_orphans(run.run_id, 0.0 if is_now else grace_s, lambda: False) or living(layout) is not Living.NOTHING:
        raise RunAliveError(
            f"the training in {layout.root} can't be ended from here: it runs on {run.last.host} or as another user",
            hint="Run the same command there.",
        )
    with guard.claim_existing(layout.root):
        return settle(record.read(layout.record), layout, last_seen)
