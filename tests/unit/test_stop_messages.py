from __future__ import annotations

import math
import signal
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.outcome.classify import Stop
from tsdia_run.settings import plain, read_layer, resolve
from tsdia_run.supervise.signals import REPEAT_S, Arrival, RepeatFilter
from tsdia_run.supervise.stop_sequence import StopSequence, StopStep, step_message

START = StopSequence(grace_s=60.0)
INT = Stop(signal.SIGINT, "stopped by Ctrl-C (SIGINT)")
TERM = Stop(signal.SIGTERM, "stopped by SIGTERM")
LIMIT = Stop(signal.SIGTERM, "stopped at its time limit of 1.5 s")
COMMAND = Stop(signal.SIGTERM, "stopped by `tsdia-run stop` on node1")
HANG = Stop(signal.SIGTERM, "hung: no output, metrics or checkpoint for 30 min 0 s", is_hang=True)
QUIT = Stop(signal.SIGQUIT, "stopped by Ctrl-\\ (SIGQUIT)")


@pytest.mark.parametrize(
    ("stop", "grace_s", "message"),
    [
        (
            INT,
            60.0,
            "Stopping: waiting up to 60 s for the script to save. Press Ctrl-C again to end it within 10 s.",
        ),
        (
            INT,
            math.inf,
            "Stopping: waiting without a time limit for the script to save. Press Ctrl-C again to end it within 10 s.",
        ),
        (INT, 0.5, "Stopping: waiting up to 0.5 s for the script to save. Press Ctrl-C again to end it within 10 s."),
        (
            TERM,
            600.0,
            "Stopping (by SIGTERM): waiting up to 10 min 0 s for the script to save."
            " Ctrl-C or another SIGTERM kills it.",
        ),
        (
            LIMIT,
            60.0,
            "Stopping at its time limit of 1.5 s: waiting up to 60 s for the script to save."
            " Ctrl-C or another SIGTERM kills it.",
        ),
        (
            COMMAND,
            60.0,
            "Stopping (by `tsdia-run stop` on node1): waiting up to 60 s for the script to save."
            " Ctrl-C or another SIGTERM kills it.",
        ),
        (
            HANG,
            60.0,
            "Stopping the training (hung: no output, metrics or checkpoint for 30 min 0 s): waiting up to 60 s for the"
            " script to save. Ctrl-C or another SIGTERM kills it.",
        ),
    ],
)
def test_the_first_step_names_its_cause_the_time_and_what_the_next_request_does(
    stop: Stop, grace_s: float, message: str
) -> None:
    start = replace(START, grace_s=grace_s)
    assert step_message(start, start.after_request(stop, 5.0)) == message


def test_the_next_request_does_what_the_message_says() -> None:
    asked = START.after_request(INT, 0.0).after_request(INT, 1.0)
    assert (asked.step, asked.deadline_s) == (StopStep.TERMINATE, 11.0)
    assert START.after_request(TERM, 0.0).after_request(INT, 1.0).step is StopStep.KILL


def test_a_run_inside_a_training_does_not_promise_what_a_second_signal_does() -> None:
    asked = START.after_request(TERM, 0.0)
    assert step_message(START, asked, is_inner=True).endswith(" for the script to save.")


def test_each_later_step_says_what_it_does() -> None:
    first = START.after_request(INT, 0.0)
    second = first.at(60.0)
    assert step_message(first, second) == "Stopping: sending SIGTERM. The script is killed in 10 s."
    assert step_message(second, second.at(70.0)) == "Stopping: killing every process of the run with SIGKILL."
    own = replace(second, inner_s=120.0).at(70.0)
    assert own.step is StopStep.KILL_OWN
    assert "Waiting up to 120 s for the runs that it started." in step_message(second, own)


def test_an_urgent_request_says_so() -> None:
    expected = "Stopping (by Ctrl-\\ (SIGQUIT)) immediately: killing every process of the run with SIGKILL."
    assert step_message(START, START.after_urgent_request(QUIT)) == expected


def test_without_a_limit_time_changes_nothing() -> None:
    asked = replace(START, grace_s=math.inf).after_request(INT, 0.0)
    assert asked.at(1e12) == asked
    assert asked.after_request(INT, 5.0).step is StopStep.TERMINATE


ARRIVALS = st.lists(st.tuples(st.sampled_from([2, 15, 10]), st.booleans(), st.floats(0, 3)), max_size=30)


@given(ARRIVALS)
def test_typed_signals_always_count_and_others_once_in_a_second(arrivals: list[tuple[int, bool, float]]) -> None:
    repeats, now_s = RepeatFilter(), 0.0
    counted: dict[int, float] = {}
    for number, is_typed, after_s in arrivals:
        now_s += after_s
        expected = is_typed or number not in counted or now_s - counted[number] >= REPEAT_S
        assert repeats.counts(Arrival(number, is_typed), now_s) is expected
        if expected:
            counted[number] = now_s


@pytest.mark.parametrize(
    ("value", "grace_s"),
    [("none", math.inf), ("None", math.inf), (0, 0.0), ("0", 0.0), (2.5, 2.5), ("90", 90.0), ("10m", 600.0)],
)
def test_the_grace_period_has_units_or_no_limit(value: object, grace_s: float) -> None:
    layer = read_layer("config.yml", {"stop_grace_s": value}, lambda _: None)
    assert resolve([layer]).stop_grace_s == grace_s
    # A resume reads the recorded value.
    again = read_layer("command.json", {"stop_grace_s": plain(grace_s)}, lambda _: None)
    assert resolve([again]).stop_grace_s == grace_s
