from __future__ import annotations

import signal

import pytest

from tsdia_run.rundir.record import Outcome, State
from tsdia_run.supervise.hang import Activity, HangTimeouts
from tsdia_run.supervise.policy import End, Restart, Tried, decide

KILLED = Tried(Outcome(State.FAILED, "killed", signal=int(signal.SIGKILL)))
SAVED = Tried(Outcome(State.FAILED, "killed", signal=int(signal.SIGKILL)), has_progressed=True)


def failed(
    error: str = "RuntimeError: bad", kind: str = "RuntimeError", step: int | None = None, code: int = 1
) -> Tried:
    return Tried(Outcome(State.FAILED, error, exit_code=code), error, kind, step)


@pytest.mark.parametrize("state", [State.COMPLETED, State.STOPPED, State.LOST])
def test_only_a_failure_is_followed_by_another_attempt(state: State) -> None:
    assert decide([Tried(Outcome(state, "why"))], 3, 10.0) == End()


def test_restarts_are_off_by_default() -> None:
    assert decide([SAVED], 0, 10.0) == End()


def test_attempts_without_progress_are_counted_and_the_backoff_grows() -> None:
    assert decide([KILLED], 3, 10.0) == Restart(1, 10.0)
    assert decide([KILLED] * 2, 3, 10.0) == Restart(2, 20.0)
    assert decide([KILLED] * 3, 3, 10.0) == Restart(3, 40.0)
    assert decide([KILLED] * 4, 3, 10.0) == End("4 consecutive attempts saved no new checkpoint")
    assert decide([KILLED] * 30, 99, 10.0) == Restart(30, 600.0)


def test_a_new_checkpoint_resets_the_count() -> None:
    assert decide([KILLED, KILLED, SAVED], 1, 10.0) == Restart(0, 10.0)
    assert decide([KILLED, SAVED, KILLED], 1, 10.0) == Restart(1, 10.0)


@pytest.mark.parametrize("code", [2, 64, 78, 126, 127])
def test_a_wrong_command_line_or_config_is_not_retried(code: int) -> None:
    assert isinstance(decide([failed(code=code)], 3, 10.0), End)


@pytest.mark.parametrize("kind", ["ModuleNotFoundError", "SyntaxError", "yaml.scanner.ScannerError"])
def test_an_import_or_config_error_is_not_retried(kind: str) -> None:
    assert isinstance(decide([failed(kind=kind)], 3, 10.0), End)


def test_the_same_exception_at_the_same_step_is_retried_only_once() -> None:
    assert decide([failed(step=5)], 3, 10.0) == Restart(1, 10.0)
    assert decide([failed(step=5), failed(step=5)], 3, 10.0) == End("it failed in the same way twice at step 5")
    assert isinstance(decide([failed(step=5), failed(step=6)], 3, 10.0), Restart)
    assert isinstance(decide([failed(step=5), failed("RuntimeError: other", step=5)], 3, 10.0), Restart)


def test_each_phase_has_its_own_timeout() -> None:
    timeouts = HangTimeouts(training_s=10.0, start_s=30.0, save_s=5.0)
    assert [timeouts.limit_s(phase) for phase in Activity] == [30.0, 10.0, 5.0]
    assert timeouts.least_s == 5.0


def test_a_script_that_does_not_read_its_checkpoint_is_not_retried() -> None:
    refused = Tried(Outcome(State.FAILED, "why", exit_code=1), has_progressed=True, is_refused=True)
    assert isinstance(decide([refused], 9, 10.0), End)
