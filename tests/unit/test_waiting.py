"""Waits for runs that have ended, and the exit codes that they report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from signal import Signals

import pytest

from tests.support.runs import log_metrics, make_run, renamed
from tsdia_run.errors import DamagedRunError, NotFoundError
from tsdia_run.outcome.classify import ended_with
from tsdia_run.report.conditions import parse_condition
from tsdia_run.report.waiting import Waited, WaitEnd, wait_for
from tsdia_run.rundir.record import Outcome, State
from tsdia_run.supervise.stopping import _by_signal


def never(_: Waited) -> None:
    raise AssertionError("a run that has ended is looked at once")


@pytest.mark.parametrize(
    ("state", "code"), [(State.COMPLETED, 0), (State.FAILED, 1), (State.STOPPED, 130), (State.LOST, 1)]
)
def test_a_run_that_has_ended_is_not_waited_for(tmp_path: Path, state: State, code: int) -> None:
    made = make_run(tmp_path / "exp", State.FAILED, state)
    found = wait_for(made.layout.root, None, None, never)
    assert (found.end, found.exit_code) == (WaitEnd.ENDED, code)


@pytest.mark.parametrize("number", [Signals.SIGINT, Signals.SIGTERM, Signals.SIGQUIT])
@pytest.mark.parametrize("after", ["", "; the script exited with code 0", " before the training started"])
def test_a_stopped_run_has_the_exit_code_of_the_signal(number: Signals, after: str) -> None:
    assert ended_with(Outcome(State.STOPPED, _by_signal(number) + after, exit_code=0)) == 128 + number


@pytest.mark.parametrize("why", ["stopped by `tsdia-run stop` on SIGINT-host", "stopped at its time limit of 2 h"])
def test_other_stops_are_those_of_sigterm(why: str) -> None:
    assert ended_with(Outcome(State.STOPPED, f"{why}; the script was killed by SIGKILL", signal=9)) == 143


def test_the_exit_code_of_a_failed_script_is_its_own(tmp_path: Path) -> None:
    made = make_run(tmp_path / "exp", State.FAILED)
    last = replace(made.run.last, outcome=Outcome(State.FAILED, "killed", signal=9))
    renamed(made, attempts=(last,))
    assert wait_for(made.layout.root, None, None, never).exit_code == 137


@pytest.mark.parametrize(
    ("until", "end"),
    [
        ("val/loss<2", WaitEnd.REACHED),  # it held at the first steps; now the value is 9
        ("val/loss>=9 and train/lr<1 and step>8", WaitEnd.REACHED),
        ("val/loss<2 and step>5", WaitEnd.ENDED),
        ("val/los<2", WaitEnd.ENDED),
    ],
)
def test_a_condition_counts_if_it_has_held_once(tmp_path: Path, until: str, end: WaitEnd) -> None:
    made = make_run(tmp_path / "exp")
    log_metrics(made.layout, 0, range(10))
    with made.layout.metrics.open("a") as file:
        file.write('{"step": 10, "time": 1, "attempt": 0, "val/loss": 0.1')  # incomplete
    assert wait_for(made.layout.root, parse_condition(until), None, never).end is end


@pytest.mark.parametrize("written", ['"\\u00e9tat (a<b)"', '"état (a<b)"'])
def test_a_metric_with_any_name(tmp_path: Path, written: str) -> None:
    made = make_run(tmp_path / "exp")
    made.layout.metrics.write_text(f'not a line\n{{"step": 1, "time": 1, "attempt": 0, {written}: 0.5}}\n')
    found = wait_for(made.layout.root, parse_condition("'état (a<b)' < 1"), None, never)
    assert (found.end, found.values) == (WaitEnd.REACHED, {"état (a<b)": 0.5, "step": 1})


def test_runs_that_cannot_be_waited_for(tmp_path: Path) -> None:
    make_run(tmp_path / "damaged").layout.record.write_text("{")
    (tmp_path / "foreign" / "logs").mkdir(parents=True)
    with pytest.raises(DamagedRunError, match="the record can't be used"):
        wait_for(tmp_path / "damaged", None, None, never)
    with pytest.raises(NotFoundError, match="not created by tsdia-run"):
        wait_for(tmp_path / "foreign", None, None, never)


def test_a_run_that_is_replaced_meanwhile_is_an_error(tmp_path: Path) -> None:
    made = make_run(tmp_path / "exp", State.FAILED)
    made.layout.own.joinpath("claim").touch()

    def replace_it(_: Waited) -> None:
        renamed(made, run_id="another")

    import fcntl

    with made.layout.own.joinpath("claim").open("r+") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        with pytest.raises(NotFoundError, match="was removed or replaced"):
            wait_for(made.layout.root, None, None, replace_it)


def test_a_failed_run_with_a_living_supervisor_has_not_ended(tmp_path: Path) -> None:
    """Between two attempts, the record says `failed`."""
    import fcntl

    made = make_run(tmp_path / "exp", State.FAILED)
    looks: list[Waited] = []
    with made.layout.own.joinpath("claim").open("w") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        assert wait_for(made.layout.root, None, 0.0, looks.append).end is WaitEnd.TIMEOUT
    assert wait_for(made.layout.root, None, 0.0, looks.append).end is WaitEnd.ENDED
    assert looks == []
