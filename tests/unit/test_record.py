from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.errors import DamagedRunError
from tsdia_run.rundir import record
from tsdia_run.rundir.record import Attempt, Outcome, Run, State

AT = datetime(2026, 11, 23, 5, 41, 27, 123000, tzinfo=timezone.utc)
OUTCOME = Outcome(State.FAILED, "ValueError: bad (train.py:3)", exit_code=1)
FIRST = Attempt(0, State.FAILED, AT, "logs/training_20261123_054127.log", "node1", ended_at=AT, outcome=OUTCOME)
SECOND = Attempt(1, State.RUNNING, AT, "logs/training_resume_1_20261123_054127.log", "node1", "checkpoint-1")
RUN = Run("a1b2c3", "exp", AT, "/project/config.yml", wandb_id="w", wandb_name="n", attempts=(FIRST, SECOND))


def test_reads_back_what_was_written(tmp_path: Path) -> None:
    record.write(tmp_path / "run.json", RUN)
    assert record.read(tmp_path / "run.json") == RUN
    assert list(tmp_path.iterdir()) == [tmp_path / "run.json"]


def test_the_state_of_a_run_is_that_of_its_newest_attempt() -> None:
    assert RUN.state is State.RUNNING
    assert replace(RUN, attempts=(FIRST,)).state is State.FAILED


def test_with_attempt_replaces_the_one_of_its_number() -> None:
    ended = record.ended(SECOND, Outcome(State.COMPLETED, "done", exit_code=0), AT)
    assert RUN.with_attempt(ended).attempts == (FIRST, ended)


def test_the_file_says_its_schema_and_state_at_the_top(tmp_path: Path) -> None:
    record.write(tmp_path / "run.json", RUN)
    assert list(json.loads((tmp_path / "run.json").read_text()))[:2] == ["schema", "state"]


def test_a_missing_record_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DamagedRunError, match="No such file"):
        record.read(tmp_path / "run.json")


def test_a_newer_schema_asks_for_an_update(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    record.write(path, RUN)
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))
    with pytest.raises(DamagedRunError, match="update tsdia-run"):
        record.read(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(where=st.sampled_from(["run", "attempt", "outcome"]), key_at=st.integers(0, 20), value=JSON)
def test_a_field_of_another_type_is_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, where: str, key_at: int, value: object
) -> None:
    path = tmp_path_factory.mktemp("record") / "run.json"
    record.write(path, RUN)
    data = json.loads(path.read_text())
    node = {"run": data, "attempt": data["attempts"][0], "outcome": data["attempts"][0]["outcome"]}[where]
    node[list(node)[key_at % len(node)]] = value
    path.write_text(json.dumps(data))
    try:
        record.read(path)
    except DamagedRunError as error:
        assert "run.json" in error.message


@given(st.binary(max_size=200) | st.just(b"[" * 100_000))
def test_garbage_is_one_clear_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("record") / "run.json"
    path.write_bytes(data)
    with pytest.raises(DamagedRunError):
        record.read(path)
