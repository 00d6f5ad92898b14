"""Several ranks: which one failed first and how, and which ones the launcher ended; with real gloo ranks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.launch.command import BOOTSTRAP, RANKS_LAUNCHER
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.training.boot.rank_ends import OwnRecord, RankEnds

SCRIPTS = Path(__file__).resolve().parents[1] / "support" / "scripts"
TWO_RANKS = str(SCRIPTS / "two_ranks.py")
MULTI = ("--multi_gpu", "--num_processes", "2", "--main_process_port", "0")
# Two ranks need a minute to import torch on a busy machine.
LIMIT_S = 120
# Far below torch's timeout of 30 s and the ranks' sleep of 60 s.
STOP_LIMIT_S = 25

CODES = st.dictionaries(st.integers(0, 3), st.integers(-15, 3), max_size=4)


def test_the_rank_that_ended_before_the_launcher_ended_the_others_failed_first() -> None:
    ends = RankEnds(early={1: 3}, final={0: -15, 1: 3})
    assert (ends.first(), ends.exit_code()) == (1, 3)


def test_a_rank_ended_by_a_signal_comes_before_ranks_that_failed_because_of_it() -> None:
    ends = RankEnds(early={0: 1, 1: -9}, final={0: 1, 1: -9}, recorded={0: OwnRecord(1, "2026-01-01T00:00:00.1")})
    assert (ends.first(), ends.exit_code()) == (1, 128 + 9)


def test_a_rank_that_left_no_record_is_blamed_if_the_other_one_only_lost_its_connection() -> None:
    lost = OwnRecord(1, "2026-01-01T00:00:00.1", is_consequence=True)
    ends = RankEnds(early={0: 3, 1: 1}, final={0: 3, 1: 1}, recorded={1: lost})
    assert (ends.first(), ends.exit_code()) == (0, 3)


def test_of_ranks_that_all_lost_their_connection_the_earliest_is_blamed() -> None:
    records = {rank: OwnRecord(1, f"2026-01-01T00:00:00.{3 - rank}", is_consequence=True) for rank in range(3)}
    assert RankEnds(early=dict.fromkeys(range(3), 1), final=dict.fromkeys(range(3), 1), recorded=records).first() == 2


def test_the_time_of_death_orders_ranks_without_a_record() -> None:
    with subprocess.Popen(["sleep", "0.2"]) as late, subprocess.Popen(["true"]) as early:
        ends = RankEnds(early={0: 3, 1: 4}, final={0: 3, 1: 4})
        ends.deaths.watch({0: late.pid, 1: early.pid})
        ends.deaths.finish()
    assert (ends.first(), ends.exit_code()) == (1, 4)
    assert late.returncode == early.returncode == 0  # the watch reaps nothing


def test_of_two_exceptions_the_earlier_one_is_the_first_failure() -> None:
    records = {0: OwnRecord(1, "2026-01-01T00:00:00.2"), 1: OwnRecord(4, "2026-01-01T00:00:00.1")}
    assert RankEnds(early={0: 1, 1: 4}, final={0: 1, 1: 4}, recorded=records).first() == 1


def test_the_exit_record_decides_for_a_rank_that_was_exiting_when_the_launcher_ended_it() -> None:
    # Rank 1 failed first. It was still closing its trackers when rank 0, which lost its connection to it, had ended.
    records = {0: OwnRecord(1, "2026-01-01T00:00:00.2"), 1: OwnRecord(3, "2026-01-01T00:00:00.1")}
    ends = RankEnds(early={0: 1}, final={0: 1, 1: -15}, recorded=records)
    assert (ends.codes(), ends.first(), ends.exit_code()) == ({0: 1, 1: 3}, 1, 3)


def test_ranks_that_end_after_a_stop_request_are_not_the_first_failure() -> None:
    ends = RankEnds(early={}, final={0: 0, 1: 1}, recorded={1: OwnRecord(1, "2026")}, stopped_by=15)
    assert (ends.first(), ends.exit_code()) == (None, 128 + 15)


@given(early=CODES, others=CODES, times=st.dictionaries(st.integers(0, 3), st.sampled_from("abc")))
def test_a_failure_is_never_reported_as_success(
    early: dict[int, int], others: dict[int, int], times: dict[int, str]
) -> None:
    final = {**others, **early}
    ends = RankEnds(early, final, {rank: OwnRecord(final.get(rank), at) for rank, at in times.items()})
    assert (ends.exit_code() == 0) <= all(code == 0 for code in early.values())
    first = ends.first()
    assert first is None or ends.codes()[first] != 0


@dataclass(frozen=True)
class Attempt:
    """A prepared attempt of a run."""

    layout: RunLayout

    def environ(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **kept,
            "HF_HOME": str(self.layout.root),
            "CUDA_VISIBLE_DEVICES": "",
            "TSDIA_RUN_DIR": str(self.layout.root),
            "TSDIA_RUN_ATTEMPT": "0",
            **more,
        }

    def ranks(self) -> dict[str, Any]:
        """Return the launcher's record, with valid times removed."""
        record = json.loads(self.layout.attempt(0).launcher_record.read_text())
        assert isinstance(record, dict)
        for end in record["ranks"].values():
            datetime.fromisoformat(end.pop("ended_at"))
        return record

    def launch(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(RANKS_LAUNCHER), *words],
            env=self.environ(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )


@pytest.fixture
def prepared(tmp_path: Path) -> Attempt:
    layout = RunLayout(tmp_path / "exp")
    layout.attempt(0).root.mkdir(parents=True)
    layout.own.mkdir()
    layout.alive.touch()
    return Attempt(layout)


def test_two_ranks_work_together(prepared: Attempt) -> None:
    done = prepared.launch(*MULTI, str(BOOTSTRAP), TWO_RANKS, "ok", "--config", "a b", ACCELERATE_USE_CPU="true")
    assert done.returncode == 0, done.stderr
    line = "rank {} of 2, sum 3, arguments ['ok', '--config', 'a b']"
    assert sorted(done.stdout.splitlines()) == [line.format(0), line.format(1)]
    no_failure = {"ranks": {"0": {"exit_code": 0}, "1": {"exit_code": 0}}, "first": None, "signal": None, "error": None}
    assert prepared.ranks() == no_failure


@pytest.mark.parametrize(
    ("how", "end", "code"), [("exit", {"exit_code": 3}, 3), ("kill", {"signal": 9}, 137), ("segv", {"signal": 11}, 139)]
)
def test_the_end_of_the_failed_rank_is_recorded(how: str, end: dict[str, int], code: int, prepared: Attempt) -> None:
    # With --debug, Accelerate itself would hide the failure and exit with 0.
    done = prepared.launch(*MULTI, "--debug", str(BOOTSTRAP), TWO_RANKS, how, ACCELERATE_USE_CPU="true")
    assert done.returncode == code, done.stderr
    record = prepared.ranks()
    assert record["first"] == 1
    assert record["ranks"]["1"] == end
    assert record["ranks"]["0"] in ({"signal": 15}, {"exit_code": 1})
    assert "ChildFailedError" not in done.stderr
    exit_record = prepared.layout.attempt(0).exit_record(1)
    assert exit_record.exists() is (how == "exit")


def test_a_stop_reaches_the_ranks_and_is_recorded(prepared: Attempt, tmp_path: Path) -> None:
    command = [sys.executable, str(RANKS_LAUNCHER), *MULTI, str(BOOTSTRAP), TWO_RANKS, "stop", str(tmp_path)]
    environ = prepared.environ(ACCELERATE_USE_CPU="true")
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as launcher:
        try:
            deadline = time.monotonic() + LIMIT_S
            while not all((tmp_path / rank).exists() for rank in "01"):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            launcher.send_signal(signal.SIGTERM)
            assert launcher.wait(STOP_LIMIT_S) == 128 + signal.SIGTERM
        finally:
            launcher.kill()
    ranks = {"0": {"exit_code": 0}, "1": {"exit_code": 0}}
    assert prepared.ranks() == {"ranks": ranks, "first": None, "signal": signal.SIGTERM, "error": None}


def test_more_ranks_than_devices_is_an_error_and_does_not_start_one_rank(prepared: Attempt) -> None:
    done = prepared.launch(*MULTI, str(BOOTSTRAP), TWO_RANKS, "ok")
    assert done.returncode == os.EX_CONFIG
    assert "2 processes requested, but torch sees 0 accelerator devices" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    record = prepared.ranks()
    assert record["ranks"] == {}
    assert "ACCELERATE_USE_CPU=true" in record["error"]


def test_for_one_process_the_launcher_becomes_the_script(prepared: Attempt, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import os, sys\nprint(os.getpid(), os.environ['ACCELERATE_MIXED_PRECISION'], sys.argv[1:])\nsys.exit(77)"
    )
    command = [sys.executable, str(RANKS_LAUNCHER), "--mixed_precision", "bf16", str(BOOTSTRAP)]
    with subprocess.Popen(
        [*command, str(tmp_path / "train.py"), "--num_processes", "9"],
        env=prepared.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        out, _ = process.communicate(timeout=LIMIT_S)
    assert out == f"{process.pid} bf16 ['--num_processes', '9']\n"
    assert process.returncode == 77
    assert json.loads(prepared.layout.attempt(0).exit_record(0).read_text())["exit_code"] == 77
