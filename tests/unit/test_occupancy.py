from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tsdia_run import checkpoints
from tsdia_run.claim import occupancy
from tsdia_run.claim.occupancy import Contents, Occupancy, judge
from tsdia_run.cli.hints import hint
from tsdia_run.rundir import record_file
from tsdia_run.rundir.record import Attempt, Run, State
from tsdia_run.rundir.typed_command import TypedCommand

TYPED = TypedCommand("new", ("c.yml",), (("--set", "x=1"),), ("--fast",), os.getcwd())
NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)


def make_run(run_dir: Path, state: State) -> Path:
    (run_dir / "logs").mkdir(parents=True)
    (run_dir / "logs" / "training.log").write_text("hello\n")
    attempt = Attempt(0, state, NOW, "logs/training.log", "node1")
    record_file.write(run_dir / "run.json", Run("a1", "exp", NOW, attempts=(attempt,)))
    return run_dir


def survey(run_dir: Path) -> Contents:
    found = occupancy.survey(run_dir)
    assert found is not None
    return found


def test_a_missing_and_an_empty_directory_are_free(tmp_path: Path) -> None:
    assert occupancy.survey(tmp_path / "absent") is None
    assert occupancy.survey(tmp_path) is None


@pytest.mark.parametrize("state", [State.FAILED, State.LOST, State.RUNNING])
def test_a_start_that_left_no_files_may_be_moved(tmp_path: Path, state: State) -> None:
    found = survey(make_run(tmp_path / "exp", state))
    assert not found.from_script
    assert judge(found, wants_move_aside=False) is Occupancy.MOVE_ASIDE


@pytest.mark.parametrize("state", [State.COMPLETED, State.STOPPED])
def test_a_completed_or_stopped_run_is_never_moved_automatically(tmp_path: Path, state: State) -> None:
    assert judge(survey(make_run(tmp_path / "exp", state)), wants_move_aside=False) is Occupancy.REFUSE


@pytest.mark.parametrize("name", ["model.bin", "checkpoint-epoch0-step1/model.safetensors", "tb/events"])
def test_a_file_of_the_script_protects_a_failed_start(tmp_path: Path, name: str) -> None:
    run_dir = make_run(tmp_path / "exp", State.FAILED)
    (run_dir / name).parent.mkdir(exist_ok=True)
    (run_dir / name).write_text("x")
    assert judge(survey(run_dir), wants_move_aside=False) is Occupancy.REFUSE
    assert judge(survey(run_dir), wants_move_aside=True) is Occupancy.MOVE_ASIDE


def test_a_link_of_the_script_protects_a_failed_start(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "exp", State.FAILED)
    (run_dir / "data").symlink_to(tmp_path)
    assert survey(run_dir).from_script


def test_empty_folders_of_the_script_do_not_count(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "exp", State.FAILED)
    (run_dir / "checkpoints").mkdir()
    assert not survey(run_dir).from_script


def test_a_directory_not_created_by_tsdia_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    found = survey(tmp_path)
    assert found.state is None
    assert judge(found, wants_move_aside=False) is Occupancy.REFUSE


def test_a_broken_record_is_never_moved_automatically(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "exp", State.FAILED)
    (run_dir / "run.json").write_text("{")
    assert judge(survey(run_dir), wants_move_aside=False) is Occupancy.REFUSE


def test_the_refusal_lists_existing_contents_and_commands(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "exp", State.STOPPED)
    (run_dir / "checkpoint-epoch1-step20").mkdir()
    (run_dir / "checkpoint-epoch1-step20" / "model.safetensors").write_bytes(b"x" * 2048)
    (tmp_path / "exp-2").mkdir()
    found = survey(run_dir)
    error = occupancy.refusal(found, now=found.changed_at + timedelta(hours=3))
    assert error.exit_code == 73
    assert "a stopped run: last changed 3 h ago, 1 checkpoint (newest checkpoint-epoch1-step20), 2." in error.message
    told = hint(error, TYPED)
    assert f"tsdia-run resume {run_dir}" in told
    assert "tsdia-run new c.yml --set x=1 --name exp-3 -- --fast" in told
    assert "tsdia-run new c.yml --set x=1 --move-aside -- --fast" in told


@pytest.mark.parametrize(("state", "flag"), [(State.STOPPED, ""), (State.COMPLETED, " --again")])
def test_the_suggested_resume_is_not_refused(tmp_path: Path, state: State, flag: str) -> None:
    run_dir = make_run(tmp_path / "exp", state)
    (run_dir / "checkpoint-epoch1-step20").mkdir()
    (run_dir / "checkpoint-epoch1-step20" / "model.safetensors").write_bytes(b"x")
    told = hint(occupancy.refusal(survey(run_dir), now=NOW), TYPED)
    assert told.splitlines()[0] == f"Go on with it:        tsdia-run resume {run_dir}{flag}"


def test_without_checkpoints_no_resume_is_suggested(tmp_path: Path) -> None:
    found = survey(make_run(tmp_path / "exp", State.STOPPED))
    assert "resume" not in hint(occupancy.refusal(found, now=NOW), TYPED)


def test_runs_around_and_inside_are_found(tmp_path: Path) -> None:
    outer = tmp_path / "exp"
    (outer / ".tsdia").mkdir(parents=True)
    (outer / ".tsdia" / "claim").touch()
    assert occupancy.enclosing_run(outer / "a" / "b") == outer
    assert occupancy.enclosing_run(outer) is None
    assert occupancy.inner_run(tmp_path) == outer
    assert occupancy.inner_run(outer) is None


@pytest.mark.parametrize(
    ("name", "step", "epoch", "iteration"),
    [
        ("checkpoint-epoch3-step900", 900, 3, None),
        ("checkpoint-1000", 1000, None, None),
        ("step_70", 70, None, None),
        ("epoch_4", None, 4, None),
        ("checkpoint_12", None, None, 12),
    ],
)
def test_names_of_checkpoints(name: str, step: int | None, epoch: int | None, iteration: int | None) -> None:
    found = checkpoints.parse_name(Path(name))
    assert found is not None
    assert (found.step, found.epoch, found.iteration) == (step, epoch, iteration)


@pytest.mark.parametrize(
    "name", ["checkpoint-epoch3", "checkpoint-", "xcheckpoint-1", "checkpoint-1.tmp", "step_", "best"]
)
def test_other_names_are_not_checkpoints(name: str) -> None:
    assert checkpoints.parse_name(Path(name)) is None


def test_steps_order_checkpoints_and_names_do_not(tmp_path: Path) -> None:
    for name in ("checkpoint-epoch10-step90", "checkpoint-epoch2-step1000", "checkpoint-epoch1-step200"):
        (tmp_path / name).mkdir()
    assert [found.step for found in checkpoints.find(tmp_path)] == [90, 200, 1000]


def test_checkpoints_are_found_where_scripts_put_them(tmp_path: Path) -> None:
    for name in ("checkpoints/checkpoint_3", "out/checkpoint-7", "mine", "logs/checkpoint-9", "attempts/0/step_1"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "mine" / "random_states_0.pkl").touch()
    (tmp_path / "best_checkpoint").symlink_to("out/checkpoint-7")
    found = [checkpoint.path.relative_to(tmp_path).as_posix() for checkpoint in checkpoints.find(tmp_path)]
    assert found == ["mine", "checkpoints/checkpoint_3", "out/checkpoint-7"]
