"""An attempt, and those that follow it by themselves after a failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tsdia_run import checkpoints
from tsdia_run.checkpoints import rewinding
from tsdia_run.claim.guard import Claim
from tsdia_run.cli.attempt import carry_out
from tsdia_run.cli.detaching import stay
from tsdia_run.cli.screen import Screen
from tsdia_run.errors import DamagedRunError, TsdiaRunError, UnrecognisedCheckpointsError
from tsdia_run.launch import plan as plans
from tsdia_run.launch import resumption
from tsdia_run.launch.plan import Plan
from tsdia_run.launch.prepare import Provenance
from tsdia_run.launch.resumption import Source
from tsdia_run.rundir.record import Attempt, Run
from tsdia_run.supervise.job import Ended
from tsdia_run.supervise.policy import End, Restart, Tried, decide
from tsdia_run.text import duration, shown


def carry_through(
    plan: Plan,
    claim: Claim,
    run: Run,
    screen: Screen,
    provenance: Provenance | None = None,
    superseded: tuple[str, ...] = (),
    on_started: Callable[[], None] = stay,
) -> Ended:
    """Carry an attempt out; while it fails and the settings allow it, go on from the newest whole checkpoint.

    Args:
        plan: The first attempt.
        claim: The right to the run directory.
        run: The record so far, without the new attempt.
        screen: Where to say what happens.
        provenance: Where the attempt comes from, if that is known already.
        superseded: The checkpoints that the attempt goes back behind.
        on_started: Called once the training runs.

    Returns:
        The ending of the last one.
    """
    restarts = plan.request.settings.restarts
    ended = carry_out(plan, claim, run, screen, provenance, superseded, on_started)
    if restarts.max == 0:
        return ended
    tried = [_tried(plan, ended)]
    while isinstance(decision := decide(tried, restarts.max, restarts.backoff_s), Restart):
        try:
            plan = _again(plan, ended.run)
        except UnrecognisedCheckpointsError:
            raise
        except TsdiaRunError as error:
            screen.warn(f"no restart: {error.message}")
            return ended
        _announce(screen, plan, decision)
        superseded = rewinding.beyond(plan.layout, plan.request.checkpoint)
        ended = carry_out(plan, claim, ended.run, screen, superseded=superseded, delay_s=decision.delay_s)
        tried.append(_tried(plan, ended))
    if isinstance(decision, End) and decision.reason:
        screen.warn(f"no restart: {decision.reason}")
    return ended


def _tried(plan: Plan, ended: Ended) -> Tried:
    last, words = ended.run.last, ended.words
    assert last.outcome is not None  # it has ended
    own = [one for one in checkpoints.find(plan.request.run_dir) if _is_of(one.path, last)]
    has_progressed = checkpoints.newest_whole(own).chosen is not None
    return Tried(last.outcome, words.error, words.kind, words.step, has_progressed, words.refusal is not None)


def _is_of(checkpoint: Path, attempt: Attempt) -> bool:
    """Whether the attempt wrote it."""
    saved_at = rewinding.saved_at(checkpoint)
    return saved_at is not None and saved_at >= attempt.started_at


def _again(plan: Plan, run: Run) -> Plan:
    """The next attempt, from the newest whole checkpoint; from the beginning where none was saved."""
    run_dir = plan.request.run_dir
    choice = resumption.choose(Source(plan.layout, run, None), None, rewinding.superseded(run, plan.layout))
    if choice.chosen is None and choice.skipped:
        raise DamagedRunError(f"no checkpoint of {shown(run_dir)} is whole")
    if choice.chosen is None:
        resumption.refuse_silent_start(plan.layout, None)
    checkpoint = choice.chosen.path if choice.chosen else None
    return plans.make(replace(plan.request, number=run.last.number + 1, checkpoint=checkpoint, is_restart=True))


def _beginning(run_dir: Path) -> str:
    return "the beginning" if checkpoints.find(run_dir) else "the beginning: nothing was saved"


def _announce(screen: Screen, plan: Plan, decision: Restart) -> None:
    most = plan.request.settings.restarts.max
    which = f"restart {decision.number} of {most}" if decision.number else "restart, since it had got on"
    start = plan.request.checkpoint
    where = shown(start) if start else _beginning(plan.request.run_dir)
    screen.note(f"{which} in {duration(decision.delay_s)}, from {where}")
    for note in plan.notes:
        screen.note(note)
