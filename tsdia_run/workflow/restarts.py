"""Run an attempt, and restart it after a failure."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from tsdia_run import checkpoints
from tsdia_run.checkpoints import files
from tsdia_run.checkpoints.superseded import beyond, superseded_now
from tsdia_run.errors import DamagedRunError, EndingNotRecordedError, TsdiaRunError, UnrecognisedCheckpointsError
from tsdia_run.launch import plan as plans
from tsdia_run.launch import resumption
from tsdia_run.launch.checks import refuse_full_disk
from tsdia_run.launch.plan import Plan
from tsdia_run.launch.resumption import Source
from tsdia_run.launch.run_variables import users_environment
from tsdia_run.outcome.classify import exit_status
from tsdia_run.rundir.record import Attempt, Run, State
from tsdia_run.supervise import job
from tsdia_run.supervise.policy import End, Restart, Tried, decide
from tsdia_run.supervise.signals import SignalQueue
from tsdia_run.text import duration, shown
from tsdia_run.workflow.attempt import Prepared, carry_out
from tsdia_run.workflow.detach import leave_terminal, stay
from tsdia_run.workflow.reporter import Reporter
from tsdia_run.workflow.results import Ended, Result

if TYPE_CHECKING:
    from tsdia_run.workflow.notifications import Notifications


def carry_through(prepared: Prepared, reporter: Reporter, *, is_detached: bool) -> Result:
    """Run an attempt; while it fails and the settings allow it, restart from the newest complete checkpoint.

    Args:
        prepared: The first attempt.
        reporter: Receives the messages.
        is_detached: Whether to run in the background.

    Returns:
        The ending of the last attempt; in the foreground process of a background run, the result of the fork.

    Raises:
        EndingNotRecordedError: The script completed, but its run's record could not be written.
    """
    on_started = leave_terminal(prepared.claim, reporter) if is_detached else stay
    if not callable(on_started):
        return on_started
    notifications = cache(partial(_notifications, prepared.plan, reporter))
    # No signal may end this process between two attempts, or while it reports the end.
    with SignalQueue(until_exit=reporter.ends_process) as signals:
        ended = _run_with_restarts(prepared, reporter, signals, on_started, notifications)
        prepared.claim.close()  # a notification may be slow, and the next start must not wait for it
        notifications().tell_end(ended.run)
        notifications().report(ended.run, signals)
    outcome = ended.run.last.outcome
    is_requested = ended.stop is not None and not ended.stop.is_hang
    if ended.unrecorded and ended.run.state is State.COMPLETED:
        lost = ended.unrecorded
        raise EndingNotRecordedError(prepared.plan.request.run_dir, lost.why, lost.reads_as.value)
    return Ended(
        run_dir=prepared.plan.request.run_dir,
        run=ended.run,
        exit_code=exit_status(outcome) if outcome else os.EX_SOFTWARE,
        stopped_by=ended.stop.signal if ended.stop and is_requested else None,
    )


def _run_with_restarts(
    prepared: Prepared,
    reporter: Reporter,
    signals: SignalQueue,
    on_started: Callable[[], None],
    notifications: Callable[[], Notifications],
) -> job.JobResult:
    def on_hang(run: Run, reason: str) -> None:
        notifications().tell_hang(run, reason)

    restarts = prepared.plan.request.settings.restarts
    ended = carry_out(prepared, reporter, signals, on_started, on_hang)
    if restarts.max == 0 or ended.is_last:
        return ended
    plan, tried = prepared.plan, [_tried(prepared.plan, ended)]
    while not ended.is_last and isinstance(decision := decide(tried, restarts.max, restarts.backoff_s), Restart):
        if ended.unrecorded:
            reporter.warn(f"no restart: the ending could not be recorded: {ended.unrecorded.why}")
            return ended
        try:
            plan = _again(plan, ended.run)
            _announce(reporter, plan, decision)
            notifications().tell_restart(ended.run)
            notifications().report(ended.run)
            superseded = beyond(plan.layout, plan.request.checkpoint)
            again = Prepared(plan, prepared.claim, ended.run, superseded=superseded, delay_s=decision.delay_s)
            ended = carry_out(again, reporter, signals, stay, on_hang)
        except UnrecognisedCheckpointsError:
            raise
        except TsdiaRunError as error:
            reporter.warn(f"no restart: {error.message}")
            return ended
        except OSError as error:
            reporter.warn(f"no restart: could not prepare the next attempt: {error.strerror}")
            return ended
        tried.append(_tried(plan, ended))
    if isinstance(decision, End) and decision.reason:
        reporter.warn(f"no restart: {decision.reason}")
    return ended


def _notifications(plan: Plan, reporter: Reporter) -> Notifications:
    from tsdia_run.workflow.notifications import Notifications  # the start needs none

    request = plan.request
    return Notifications(request.settings.notify, request.run_dir, request.cwd, users_environment(plan), reporter)


def _tried(plan: Plan, ended: job.JobResult) -> Tried:
    last, words = ended.run.last, ended.words
    assert last.outcome is not None  # the attempt has ended
    own = [one for one in checkpoints.find(plan.request.run_dir) if _is_of(one.path, last)]
    has_progressed = checkpoints.newest_complete(own).chosen is not None
    return Tried(last.outcome, words.error, words.kind, words.step, has_progressed, words.refusal is not None)


def _is_of(checkpoint: Path, attempt: Attempt) -> bool:
    """Return whether the attempt wrote the checkpoint."""
    saved_at = files.saved_at(checkpoint)
    return saved_at is not None and saved_at >= attempt.started_at


def _again(plan: Plan, run: Run) -> Plan:
    """Return the next attempt, from the newest complete checkpoint, or from the beginning if the script saved none."""
    run_dir = plan.request.run_dir
    refuse_full_disk(run_dir)
    choice = resumption.choose(Source(plan.layout, run, None), None, superseded_now(run, plan.layout))
    if choice.chosen is None and choice.skipped:
        raise DamagedRunError(f"{shown(run_dir)} has no complete checkpoint")
    if choice.chosen is None:
        resumption.refuse_silent_start(plan.layout)
    checkpoint = choice.chosen.path if choice.chosen else None
    return plans.make(
        replace(plan.request, number=run.last.number + 1, checkpoint=checkpoint, detected=(), is_restart=True)
    )


def _beginning(run_dir: Path) -> str:
    return "the beginning" if checkpoints.find(run_dir) else "the beginning, since no checkpoint was saved"


def _announce(reporter: Reporter, plan: Plan, decision: Restart) -> None:
    most = plan.request.settings.restarts.max
    which = f" (restart {decision.number} of {most})" if decision.number else " (it made progress)"
    start = plan.request.checkpoint
    where = shown(start) if start else _beginning(plan.request.run_dir)
    reporter.note(f"restarting in {duration(decision.delay_s)} from {where}{which}")
    for note in plan.notes:
        reporter.note(note)
