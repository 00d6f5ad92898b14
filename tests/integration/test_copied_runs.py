"""Copies of run directories: their ids, and the claims and heartbeats that were copied with them."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.faulty_locks import no_locks
from tests.support.runs import Made, make_run
from tsdia_run.claim import guard, owner
from tsdia_run.claim.liveness import RunningProcesses, living
from tsdia_run.errors import RunAliveError
from tsdia_run.rundir import env, record_file
from tsdia_run.rundir.layout import OWNER_NAME, RunLayout
from tsdia_run.rundir.original import original, original_of
from tsdia_run.rundir.record import State
from tsdia_run.workflow.own_ids import with_own_ids
from tsdia_run.workflow.reporter import Reporter


class Notes:
    """Keeps the messages; a claim warns on a file system without locks."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


def started(root: Path, run_id: str = "00aa11bb22cc", state: State = State.COMPLETED) -> Made:
    """Make a run as a start leaves it: with the path of its start."""
    made = make_run(root, state, run_id=run_id)
    start_again(root)
    return made


def start_again(root: Path) -> None:
    folder = RunLayout(root).attempt(0)
    folder.root.mkdir(parents=True, exist_ok=True)
    folder.command.write_text(json.dumps({"environment": {env.RUN_DIR: str(root)}}))


def resume(root: Path) -> list[str]:
    """Claim the run, and do what a resume does with its ids; return the messages."""
    notes, layout = Notes(), RunLayout(root)
    with guard.claim_existing(root):
        reporter: Reporter = notes  # type: ignore[assignment]
        with_own_ids(record_file.read(layout.record), layout, reporter)
        start_again(root)
    return notes.texts


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["copy", "resume"]), st.integers(0, 20)), max_size=8))
def test_copies_of_copies_never_share_an_id_once_they_were_resumed(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = [started(Path(folder, "run-0")).layout.root]
        for what, number in steps:
            source = made[number % len(made)]
            if what == "resume":
                resume(source)
            else:
                made.append(source.with_name(f"run-{len(made)}"))
                shutil.copytree(source, made[-1], symlinks=True)
        told = [resume(root) for root in made]
        assert told[0] == []  # the original keeps its id
        assert record_file.read(RunLayout(made[0]).record).run_id == "00aa11bb22cc"
        assert len({record_file.read(RunLayout(root).record).run_id for root in made}) == len(made)
        assert not any(original_of(RunLayout(root)) for root in made)


@pytest.mark.parametrize("recorded", [None, 7, "", "relative", "a\0b", "/", "/nonexistent", "\ud800"])
def test_a_record_with_another_path_names_no_original(tmp_path: Path, recorded: object) -> None:
    made = started(tmp_path / "exp")
    made.layout.attempt(0).command.write_text(json.dumps({"environment": {env.RUN_DIR: recorded}}))
    assert original(made.layout, made.run) is None


def test_a_directory_with_another_run_is_no_original(tmp_path: Path) -> None:
    made = started(tmp_path / "exp")
    shutil.move(made.layout.root, tmp_path / "moved")
    started(tmp_path / "exp", run_id="00000000bbbb")
    assert original(RunLayout(tmp_path / "moved"), made.run) is None


def test_one_directory_under_two_device_ids_keeps_its_id(tmp_path: Path) -> None:
    """The heartbeat shows the same process through both mounts."""
    made = started(tmp_path / "exp")
    shutil.copytree(tmp_path / "exp", tmp_path / "mount")
    layout, notes = RunLayout(tmp_path / "mount"), Notes()
    with guard.claim_existing(layout.root):
        shutil.copy2(layout.heartbeat, made.layout.heartbeat)
        reporter: Reporter = notes  # type: ignore[assignment]
        assert with_own_ids(made.run, layout, reporter) is made.run
    assert notes.texts == []


def test_without_locks_a_copied_claim_is_not_a_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", no_locks)
    made = started(tmp_path / "exp", state=State.RUNNING)
    with guard.claim_existing(made.layout.root):
        shutil.copytree(made.layout.root, tmp_path / "copy")
        copy = RunLayout(tmp_path / "copy")
        assert os.path.exists(copy.lockless_claim(0) / OWNER_NAME)
        assert living(made.layout) is RunningProcesses.SUPERVISED
        assert living(copy) is RunningProcesses.NOTHING
        guard.refuse_running(copy.root)
        with guard.claim_existing(copy.root), pytest.raises(RunAliveError):
            guard.claim_existing(made.layout.root)


def test_a_copied_fresh_heartbeat_of_another_machine_does_not_count(tmp_path: Path) -> None:
    made = started(tmp_path / "exp", state=State.RUNNING)
    there = replace(owner.this_process(), host=f"not-{socket.gethostname()}")
    made.layout.heartbeat.write_bytes(there.as_bytes())
    shutil.copytree(made.layout.root, tmp_path / "copy")
    assert living(made.layout) is RunningProcesses.SUPERVISED
    assert living(RunLayout(tmp_path / "copy")) is RunningProcesses.NOTHING
