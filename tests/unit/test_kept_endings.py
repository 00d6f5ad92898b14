from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.outcome import kept_endings
from tsdia_run.outcome.settle import settle, settled
from tsdia_run.rundir import record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Attempt, Digest, Outcome, Run, State

BEGAN = datetime(2026, 11, 23, 5, 0, tzinfo=timezone.utc)
RUNNING = Run("a1b2c3", "exp", BEGAN, attempts=(Attempt(0, State.RUNNING, BEGAN, "logs/a.log", "node1"),))


def ended(run: Run = RUNNING) -> Run:
    last = run.last.with_outcome(
        Outcome(State.COMPLETED, "the script exited with code 0", 0), BEGAN + timedelta(hours=2)
    )
    return replace(run.with_attempt(last), digest=Digest(step=7))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_kept_ending_is_what_readers_see(tmp_path: Path) -> None:
    assert kept_endings.keep(ended())
    assert settled(RUNNING, RunLayout(tmp_path / "exp"), None) == ended()


def test_a_kept_ending_is_removed_once_it_is_recorded(tmp_path: Path, state: Path) -> None:
    layout = RunLayout(tmp_path / "exp")
    layout.root.mkdir()
    kept_endings.keep(ended())
    settle(RUNNING, layout, None)
    assert record_file.read(layout.record) == ended()
    assert list(state.rglob("*.json")) == []


@pytest.mark.parametrize(
    "other",
    [
        replace(RUNNING, run_id="d4e5f6"),
        RUNNING.with_attempt(replace(RUNNING.last, number=1)),
        RUNNING.with_attempt(replace(RUNNING.last, started_at=BEGAN + timedelta(seconds=1))),
    ],
)
def test_the_ending_of_another_run_or_attempt_is_not_used(tmp_path: Path, other: Run) -> None:
    kept_endings.keep(ended())
    assert kept_endings.kept(other) is None
    assert settled(other, RunLayout(tmp_path), None).state is State.LOST


def test_a_recorded_ending_counts_more_than_a_kept_one(tmp_path: Path) -> None:
    kept_endings.keep(ended())
    failed = RUNNING.with_attempt(RUNNING.last.with_outcome(Outcome(State.FAILED, "", 3), BEGAN))
    assert settled(failed, RunLayout(tmp_path), None) is failed


def test_an_attempt_that_has_not_ended_is_never_taken_for_an_ending() -> None:
    kept_endings.keep(RUNNING)
    assert kept_endings.kept(RUNNING) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_kept_ending_is_ignored(state: Path, content: bytes) -> None:
    kept_endings.keep(ended())
    (path,) = state.rglob("*.json")
    path.write_bytes(content)
    assert kept_endings.kept(RUNNING) is None


@given(st.text(max_size=20) | st.sampled_from(["../../evil", "/etc/passwd", ".", "..", "", "a/b", "a\0b"]))
def test_a_record_never_chooses_another_place(run_id: str) -> None:
    path = kept_endings._path(run_id)
    assert path is None or (path.name == f"{run_id}.json" and run_id.isalnum() and path.parent.name == "endings")


def test_a_state_directory_that_cannot_be_written_keeps_nothing(state: Path) -> None:
    state.write_text("a file")
    assert not kept_endings.keep(ended())
    assert kept_endings.kept(RUNNING) is None
