from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.outcome.settle import settle, settled
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Attempt, Run, State

BEGAN = datetime(2026, 11, 23, 5, 0, tzinfo=timezone.utc)
SEEN = BEGAN + timedelta(minutes=5)
ENDED = BEGAN + timedelta(hours=2)


def run_in(state: State = State.RUNNING) -> Run:
    return Run("a1b2c3", "exp", BEGAN, attempts=(Attempt(0, state, BEGAN, "logs/a.log", "node1"),))


def leave(root: Path, rank: int, **words: object) -> None:
    attempt = RunLayout(root).attempt(0)
    attempt.root.mkdir(parents=True, exist_ok=True)
    attempt.exit_record(rank).write_text(json.dumps({"rank": rank, "ended_at": ENDED.isoformat(), **words}))


def begin(root: Path, rank: int) -> None:
    attempt = RunLayout(root).attempt(0)
    attempt.root.mkdir(parents=True, exist_ok=True)
    attempt.stacks(rank).touch()


def test_the_exit_record_of_a_rank_gives_the_ending_and_its_time(tmp_path: Path) -> None:
    leave(tmp_path, 0, exit_code=0)
    last = settled(run_in(), RunLayout(tmp_path), SEEN).last
    assert (last.state, last.ended_at) == (State.COMPLETED, ENDED)


def test_the_failed_rank_decides_the_ending(tmp_path: Path) -> None:
    leave(tmp_path, 0, exit_code=0)
    leave(tmp_path, 1, exit_code=3)
    outcome = settled(run_in(), RunLayout(tmp_path), SEEN).last.outcome
    assert outcome
    assert (outcome.state, outcome.exit_code, outcome.rank) == (State.FAILED, 3, 1)


def test_a_rank_that_started_and_left_no_exit_record_was_killed(tmp_path: Path) -> None:
    leave(tmp_path, 0, exit_code=0)
    begin(tmp_path, 1)
    last = settled(run_in(), RunLayout(tmp_path), SEEN).last
    assert last.state is State.LOST
    begin(tmp_path, 0)  # it was asked for its stacks, and ended
    leave(tmp_path, 1, exit_code=0)
    assert settled(run_in(), RunLayout(tmp_path), SEEN).last.state is State.COMPLETED


@pytest.mark.parametrize(
    ("state", "has_begun", "reason"),
    [
        (State.RUNNING, False, "no heartbeat and no recorded ending: killed with its supervisor"),
        (State.PREPARING, True, "no heartbeat and no recorded ending: killed with its supervisor"),
        (State.PREPARING, False, "killed before or while the training started"),
    ],
)
def test_an_attempt_without_any_exit_record_is_lost(tmp_path: Path, state: State, has_begun: bool, reason: str) -> None:
    if has_begun:
        begin(tmp_path, 0)
    last = settled(run_in(state), RunLayout(tmp_path), SEEN).last
    assert last.state is State.LOST
    assert last.outcome
    assert last.outcome.reason.startswith(reason)
    assert last.ended_at == SEEN


def test_an_attempt_never_ends_before_it_starts(tmp_path: Path) -> None:
    assert settled(run_in(), RunLayout(tmp_path), BEGAN - timedelta(seconds=1)).last.ended_at == BEGAN
    assert settled(run_in(), RunLayout(tmp_path), None).last.ended_at == BEGAN


def test_a_run_with_a_recorded_ending_is_not_changed(tmp_path: Path) -> None:
    done = settled(run_in(), RunLayout(tmp_path), SEEN)
    assert settled(done, RunLayout(tmp_path), SEEN) is done


@given(
    code=st.sampled_from([True, False, -1, 256, 10**400, 3.0, "3", None, [], {}]),
    ended_at=st.sampled_from(["", "yesterday", 5, None, [], "2026-11-23T05:41:27"]),
)
def test_the_recorded_ending_is_readable_for_any_exit_record(
    tmp_path_factory: pytest.TempPathFactory, code: object, ended_at: object
) -> None:
    root = tmp_path_factory.mktemp("run")
    leave(root, 0, exit_code=code, ended_at=ended_at)
    written = settle(run_in(), RunLayout(root), SEEN)
    assert written.state is State.LOST
    assert record_file.read(root / "run.json") == written


def test_the_launcher_record_covers_ranks_without_an_exit_record(tmp_path: Path) -> None:
    leave(tmp_path, 0, exit_code=0)
    begin(tmp_path, 1)
    said = {"ranks": {"0": {"exit_code": 0}, "1": {"signal": 9}}, "first": 1, "signal": None, "error": None}
    RunLayout(tmp_path).attempt(0).launcher_record.write_text(json.dumps(said))
    outcome = settled(run_in(), RunLayout(tmp_path), SEEN).last.outcome
    assert outcome is not None
    assert (outcome.state, outcome.signal, outcome.rank) == (State.FAILED, 9, 1)
    assert outcome.reason == "rank 1 was killed by SIGKILL; its supervisor did not record this"
