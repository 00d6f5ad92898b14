"""Symlinks to checkpoints are followed; each real directory counts once, and is shown with its path within the run."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from tests.support import checkpoints as made
from tests.support.layouts import text, torch
from tsdia_run.checkpoints import find, survey
from tsdia_run.launch.resumption import find_source
from tsdia_run.rundir import record_file
from tsdia_run.rundir.record import Attempt, Run, State


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "a"
    folder.mkdir(parents=True)
    return folder


def names(run: Path) -> list[str]:
    return [one.path.relative_to(run).as_posix() for one in find(run)]


def test_a_checkpoint_folder_on_a_scratch_disk(run: Path, tmp_path: Path) -> None:
    for number in (9, 10):
        made.state(tmp_path / "scratch" / f"checkpoint_{number}")
    (run / "checkpoints").symlink_to(tmp_path / "scratch")
    assert names(run) == ["checkpoints/checkpoint_9", "checkpoints/checkpoint_10"]


def test_a_checkpoint_that_was_moved_and_linked_back(run: Path, tmp_path: Path) -> None:
    made.state(run / "checkpoint-800")
    made.state(tmp_path / "scratch" / "x")
    (run / "checkpoint-900").symlink_to(tmp_path / "scratch" / "x")
    (run / "latest").symlink_to("checkpoint-900")
    (run / "last").symlink_to(tmp_path / "scratch" / "x")
    assert names(run) == ["checkpoint-800", "checkpoint-900"]


def test_links_to_siblings_do_not_count_as_checkpoints(run: Path) -> None:
    made.state(run / "checkpoints" / "step-9")
    made.state(run / "checkpoints" / "step-10")
    torch(run / "epoch=3-step=99.ckpt")
    for link, target in (
        ("latest", "checkpoints/step-10"),
        ("best", "checkpoints/step-9"),
        ("last.ckpt", "epoch=3-step=99.ckpt"),
        ("other", "checkpoints"),
    ):
        (run / link).symlink_to(target)
    assert sorted(names(run)) == ["checkpoints/step-10", "checkpoints/step-9", "epoch=3-step=99.ckpt"]


def test_a_checkpoint_file_on_another_disk(run: Path, tmp_path: Path) -> None:
    torch(tmp_path / "scratch" / "step_9.pt")
    (run / "last.pt").symlink_to(tmp_path / "scratch" / "step_9.pt")
    (found,) = find(run)
    assert (found.path, found.step) == (run / "last.pt", 9)


def test_a_link_into_a_hidden_folder_is_shown_as_the_link(run: Path) -> None:
    made.state(run / ".store" / "a")
    (run / "checkpoint-5").symlink_to(".store/a")
    assert names(run) == ["checkpoint-5"]


def test_loops_and_dangling_links_are_harmless(run: Path, tmp_path: Path) -> None:
    made.state(run / "a" / "step_3")
    (run / "a" / "up").symlink_to("..")
    (run / "self").symlink_to("self")
    (run / "one").symlink_to("two")
    (run / "two").symlink_to("one")
    (run / "gone").symlink_to("nowhere")
    (run / "root").symlink_to("/")
    outside = tmp_path / "scratch" / "deep"
    made.state(outside / "step_9")
    made.state(tmp_path / "scratch" / "step_99")
    (outside / "loop").symlink_to("..")
    (run / "out").symlink_to(outside)
    assert names(run) == ["a/step_3", "out/step_9"]


def test_checkpoints_of_another_run_are_ignored(run: Path) -> None:
    other = run.parent / "b"
    made.state(other / "checkpoint-500")
    text(other / "run.json")
    (run / "start").symlink_to(other / "checkpoint-500")
    (run / "other").symlink_to(other)
    assert names(run) == []


def test_unknown_files_behind_a_link_are_reported(run: Path, tmp_path: Path) -> None:
    text(tmp_path / "scratch" / "ck-9.msgpack")
    (run / "weights").symlink_to(tmp_path / "scratch")
    assert survey(run).unrecognised == (run / "weights" / "ck-9.msgpack",)


def test_a_run_behind_a_link(run: Path, tmp_path: Path) -> None:
    made.state(run / "checkpoint-5")
    (tmp_path / "link").symlink_to(run)
    (run / "latest").symlink_to("checkpoint-5")
    assert names(tmp_path / "link") == ["checkpoint-5"]


@pytest.mark.parametrize("suffix", ["", "/"])
def test_a_linked_checkpoint_that_the_user_names_stays_part_of_its_run(run: Path, tmp_path: Path, suffix: str) -> None:
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    attempt = Attempt(0, State.LOST, at, "", "")
    record_file.write(run / "run.json", Run("id", "a", at, attempts=(attempt,)))
    made.state(tmp_path / "scratch" / "checkpoint-900")
    (run / "checkpoint-900").symlink_to(tmp_path / "scratch" / "checkpoint-900")
    (run / "latest").symlink_to("checkpoint-900")
    for name in ("checkpoint-900", "latest"):
        source = find_source(f"{run}/{name}{suffix}")
        assert (source.layout.root, source.named) == (run, run / "checkpoint-900")
    assert find_source(str(run)).named is None
    made.state(run / "checkpoint-8")
    (tmp_path / "to_8").symlink_to(run / "checkpoint-8")
    assert find_source(str(tmp_path / "to_8")).named == run / "checkpoint-8"
