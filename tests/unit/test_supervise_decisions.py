from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from tsdia_run.outcome.classify import Evidence, RankEnd, Stop, exit_status, judge
from tsdia_run.rundir.record import Outcome, State
from tsdia_run.supervise.stop_sequence import TERM_GRACE_S, StopSequence, StopStep

START = StopSequence(grace_s=60.0)
INT = Stop(signal.SIGINT, "stopped by Ctrl-C (SIGINT)")
TERM = Stop(signal.SIGTERM, "stopped by SIGTERM")


def test_the_first_request_is_passed_on_and_the_grace_runs() -> None:
    sequence = START.after_request(INT, 100.0)
    assert (sequence.step, sequence.stop, sequence.deadline_s) == (StopStep.PASS_ON, INT, 160.0)


def test_a_second_request_terminates_and_a_third_kills() -> None:
    second = START.after_request(INT, 100.0).after_request(INT, 101.0)
    assert second.step is StopStep.TERMINATE
    third = second.after_request(INT, 102.0)
    assert (third.step, third.deadline_s) == (StopStep.KILL, None)


def test_after_a_first_sigterm_the_next_rung_is_the_kill() -> None:
    assert START.after_request(TERM, 0.0).after_request(TERM, 1.0).step is StopStep.KILL


def test_a_later_signal_does_not_change_who_asked() -> None:
    assert START.after_request(INT, 0.0).after_request(TERM, 1.0).stop is INT


def test_time_climbs_only_at_the_deadline() -> None:
    asked = START.after_request(INT, 0.0)
    assert asked.at(59.9) == asked
    terminated = asked.at(60.0)
    assert terminated.step is StopStep.TERMINATE
    assert terminated.at(60.0 + TERM_GRACE_S).step is StopStep.KILL


def test_a_run_inside_the_training_keeps_its_grace_at_the_deadline() -> None:
    asked = replace(START.after_request(TERM, 0.0), inner_s=120.0)
    spared = asked.at(60.0)
    assert (spared.step, spared.deadline_s) == (StopStep.KILL_OWN, 180.0)
    assert spared.at(179.9) is spared
    assert spared.at(180.0).step is StopStep.KILL


def test_a_repeated_or_urgent_request_kills_the_run_inside_too() -> None:
    asked = replace(START.after_request(TERM, 0.0), inner_s=120.0)
    assert asked.after_request(TERM, 1.0).step is StopStep.KILL
    assert asked.at(60.0).after_request(TERM, 61.0).step is StopStep.KILL
    assert asked.after_urgent_request(TERM).step is StopStep.KILL


def test_without_a_request_time_does_nothing() -> None:
    assert START.at(1e9) == START


def test_only_exit_code_zero_means_completed() -> None:
    assert judge(Evidence(RankEnd(exit_code=0))).state is State.COMPLETED


@pytest.mark.parametrize("code", [1, 3, 77, 255])
def test_a_failure_carries_the_scripts_own_code(code: int) -> None:
    outcome = judge(Evidence(RankEnd.of(code)))
    assert (outcome.state, exit_status(outcome)) == (State.FAILED, code)
    assert outcome.reason == f"the script exited with code {code}"


@pytest.mark.parametrize("number", [6, 9, 11, 15])
def test_a_signal_is_reported_by_its_name(number: int) -> None:
    outcome = judge(Evidence(RankEnd.of(-number)))
    assert (outcome.signal, exit_status(outcome)) == (number, 128 + number)
    assert signal.Signals(number).name in outcome.reason


def test_several_ranks_report_the_first_that_failed() -> None:
    ranks = {0: RankEnd(signal=15), 1: RankEnd(exit_code=3)}
    outcome = judge(Evidence(RankEnd(exit_code=1), is_delegated=True, ranks=ranks, first_rank=1))
    assert (outcome.exit_code, outcome.rank) == (3, 1)
    assert outcome.reason == "rank 1 exited with code 3"


@pytest.mark.parametrize(
    ("codes", "ends"),
    [
        ([-15, -15], ""),
        ([0, 0], "; ranks 0 and 1 exited with code 0"),
        ([-15, 7, 0], "; rank 1 exited with code 7, rank 2 exited with code 0"),
        ([-2] * 64, "; 64 ranks were killed by SIGINT"),
    ],
)
def test_after_a_stop_the_reason_says_how_the_ranks_ended_that_the_signal_did_not_end(
    codes: list[int], ends: str
) -> None:
    ranks = {rank: RankEnd.of(code) for rank, code in enumerate(codes)}
    outcome = judge(Evidence(RankEnd(exit_code=143), is_delegated=True, ranks=ranks, stop=TERM))
    assert outcome.reason == f"{TERM.why}{ends}"


def test_a_kill_at_the_limit_of_cpu_time_is_explained() -> None:
    killed = Evidence(RankEnd(signal=signal.SIGKILL), is_at_cpu_limit=True)
    assert judge(killed).reason.endswith("it reached its limit of CPU time (RLIMIT_CPU)")
    assert judge(Evidence(RankEnd(exit_code=1), is_at_cpu_limit=True)).reason == "the script exited with code 1"


def test_a_known_exception_is_the_reason() -> None:
    outcome = judge(Evidence(RankEnd(exit_code=1), error="ValueError: bad lr (train.py:12)"))
    assert outcome.reason.startswith("ValueError: bad lr (train.py:12)")


def test_after_a_stop_request_the_state_is_stopped_whatever_the_exit_code() -> None:
    outcome = judge(Evidence(RankEnd(exit_code=0), stop=TERM))
    assert outcome.state is State.STOPPED
    assert "SIGTERM" in outcome.reason


def test_a_dead_launcher_is_not_blamed_on_the_script() -> None:
    assert judge(Evidence(RankEnd(signal=9), is_delegated=True)).reason == "the launcher was killed by SIGKILL"


def test_a_real_time_signal_has_a_number() -> None:
    assert judge(Evidence(RankEnd(signal=40))) == Outcome(State.FAILED, "the script was killed by signal 40", signal=40)


@pytest.mark.parametrize("end", [RankEnd(exit_code=0), RankEnd(exit_code=1), RankEnd(signal=15)])
@pytest.mark.parametrize("stop", [None, TERM])
def test_a_refused_save_is_a_failure_whatever_the_script_did_then(end: RankEnd, stop: Stop | None) -> None:
    why = "the script did not read step_2, the checkpoint to resume from, and would have overwritten it"
    outcome = judge(Evidence(end, error="ValueError: x", stop=stop, refusal=why))
    assert outcome.state is State.FAILED
    assert outcome.reason.startswith(f"{why} (the script ")
    assert exit_status(outcome) != 0


def test_the_signal_of_the_request_is_named_once() -> None:
    assert judge(Evidence(RankEnd(signal=2), stop=INT)).reason == "stopped by Ctrl-C (SIGINT)"
    assert judge(Evidence(RankEnd(signal=9), stop=INT)).reason == (
        "stopped by Ctrl-C (SIGINT); the script was killed by SIGKILL"
    )
    hung = Stop(signal.SIGTERM, "hung", is_hang=True)
    assert judge(Evidence(RankEnd(signal=15), stop=hung)).reason == "hung; the script was killed by SIGTERM"
