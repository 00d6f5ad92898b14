from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.errors import DamagedRunError
from tsdia_run.rundir import record_file
from tsdia_run.rundir.record import Attempt, Outcome, Run, State
from tsdia_run.text import visible

AT = datetime(2026, 11, 23, 5, 41, 27, 123000, tzinfo=timezone.utc)
OUTCOME = Outcome(State.FAILED, "ValueError: bad (train.py:3)", exit_code=1)
FIRST = Attempt(0, State.FAILED, AT, "logs/training_20261123_054127.log", "node1", ended_at=AT, outcome=OUTCOME)
SECOND = Attempt(1, State.RUNNING, AT, "logs/training_resume_1_20261123_054127.log", "node1", "checkpoint-1")
RUN = Run("a1b2c3", "exp", AT, "/project/config.yml", wandb_id="w", wandb_name="n", attempts=(FIRST, SECOND))


def test_a_record_is_read_back_as_written(tmp_path: Path) -> None:
    record_file.write(tmp_path / "run.json", RUN)
    assert record_file.read(tmp_path / "run.json") == RUN
    assert list(tmp_path.iterdir()) == [tmp_path / "run.json"]


def test_the_state_of_a_run_is_that_of_its_newest_attempt() -> None:
    assert RUN.state is State.RUNNING
    assert replace(RUN, attempts=(FIRST,)).state is State.FAILED


def test_with_attempt_replaces_the_attempt_with_the_same_number() -> None:
    ended = SECOND.with_outcome(Outcome(State.COMPLETED, "done", exit_code=0), AT)
    assert RUN.with_attempt(ended).attempts == (FIRST, ended)


@pytest.mark.parametrize(
    ("outcome", "after", "sentence"),
    [
        (OUTCOME, "", "failed: ValueError: bad (train.py:3)"),
        (OUTCOME, " after 3.0 s", "failed after 3.0 s: ValueError: bad (train.py:3)"),
        (Outcome(State.STOPPED, "stopped by Ctrl-C (SIGINT)"), "", "stopped by Ctrl-C (SIGINT)"),
        (Outcome(State.STOPPED, "stopped by SIGTERM"), " after 3.0 s", "stopped after 3.0 s by SIGTERM"),
        (Outcome(State.LOST, "lost-found.pt is missing"), "", "lost: lost-found.pt is missing"),
    ],
)
def test_a_sentence_about_an_ending_names_the_state_once(outcome: Outcome, after: str, sentence: str) -> None:
    assert outcome.sentence(after) == sentence


def test_the_file_has_its_schema_and_state_at_the_top(tmp_path: Path) -> None:
    record_file.write(tmp_path / "run.json", RUN)
    assert list(json.loads((tmp_path / "run.json").read_text()))[:2] == ["schema", "state"]


def test_a_missing_record_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DamagedRunError, match="No such file"):
        record_file.read(tmp_path / "run.json")


def test_a_newer_schema_requires_an_update(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    record_file.write(path, RUN)
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))
    with pytest.raises(DamagedRunError, match="update tsdia-run"):
        record_file.read(path)


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
    record_file.write(path, RUN)
    data = json.loads(path.read_text())
    node = {"run": data, "attempt": data["attempts"][0], "outcome": data["attempts"][0]["outcome"]}[where]
    node[list(node)[key_at % len(node)]] = value
    path.write_text(json.dumps(data))
    try:
        record_file.read(path)
    except DamagedRunError as error:
        assert "run.json" in error.message


@given(st.binary(max_size=200) | st.just(b"[" * 100_000))
def test_garbage_is_one_clear_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("record") / "run.json"
    path.write_bytes(data)
    with pytest.raises(DamagedRunError):
        record_file.read(path)


DAMAGE = [
    ("name", "\ud800"), ("name", 5), ("created_at", "no time"), ("created_at", None), ("source_config", "\0"),
    ("started_from", [1]), ("wandb_id", "\ud800"), ("wandb_name", "\0"), ("digest", {"metric": "\ud800"}),
]  # fmt: skip
DAMAGE_OF_ATTEMPT = [
    ("host", "\ud800\0"), ("host", None), ("log", "\0"), ("log", {}), ("checkpoint", "\ud800"), ("checkpoint", 7),
    ("superseded", ["\0", "checkpoint-1"]), ("ended_at", "soon"), ("ended_at", 10**400), ("outcome", "failed"),
    ("outcome", {}), ("outcome", {"state": "odd", "reason": "\ud800\0\x1b[31m", "exit_code": "1", "rank": []}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("in_attempt", "name", "value"),
    [*((False, *one) for one in DAMAGE), *((True, *one) for one in DAMAGE_OF_ATTEMPT)],
)
def test_a_field_that_is_only_shown_does_not_make_a_record_unusable(
    tmp_path: Path, in_attempt: bool, name: str, value: object
) -> None:
    path = tmp_path / "run.json"
    record_file.write(path, RUN)
    data = json.loads(path.read_text())
    (data["attempts"][0] if in_attempt else data)[name] = value
    path.write_text(json.dumps(data))
    run = record_file.read(path)
    assert (run.run_id, run.state, run.attempts[0].state) == (RUN.run_id, RUN.state, State.FAILED)
    record_file.write(path, run)
    assert record_file.read(path) == run


@pytest.mark.parametrize(
    ("in_attempt", "name", "value"),
    [
        (False, "run_id", None), (False, "schema", "1"), (False, "attempts", {}), (True, "state", "\0"),
        (True, "started_at", ""), (True, "number", 3), (False, "run_id", "\ud800"),
    ],
)  # fmt: skip
def test_a_damaged_field_that_decisions_need_makes_a_record_unusable(
    tmp_path: Path, in_attempt: bool, name: str, value: object
) -> None:
    path = tmp_path / "run.json"
    record_file.write(path, RUN)
    data = json.loads(path.read_text())
    (data["attempts"][0] if in_attempt else data)[name] = value
    path.write_text(json.dumps(data))
    with pytest.raises(DamagedRunError):
        record_file.read(path)


@given(reason=st.text(st.characters(), max_size=30), host=st.text(st.characters(), max_size=10))
def test_any_text_from_outside_is_read_back_clean(
    tmp_path_factory: pytest.TempPathFactory, reason: str, host: str
) -> None:
    path = tmp_path_factory.mktemp("record") / "run.json"
    attempt = replace(FIRST, host=host, outcome=replace(OUTCOME, reason=reason))
    record_file.write(path, replace(RUN, name=reason or "n", attempts=(attempt,)))
    assert path.read_text(encoding="utf-8").replace("\n", "").isprintable()
    read = record_file.read(path)
    assert read.last.outcome
    assert (read.last.outcome.reason, read.last.host) == (visible(reason), visible(host))


def test_a_path_that_is_not_utf_8_is_read_back_exactly(tmp_path: Path) -> None:
    run = replace(RUN, source_config="/caf\udce9.yml", attempts=(replace(FIRST, checkpoint="ck-\udce9"),))
    record_file.write(tmp_path / "run.json", run)
    assert record_file.read(tmp_path / "run.json") == run
