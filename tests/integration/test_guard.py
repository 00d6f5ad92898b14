from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.starters import race
from tsdia_run.claim import guard
from tsdia_run.claim.acquire import Entry, enter, examine
from tsdia_run.errors import CheckpointDirectoryExistsError, RunAliveError, RunDirectoryError
from tsdia_run.errors.placing import Overtaken
from tsdia_run.rundir.layout import RunLayout


def entry(run_dir: Path, *, move_aside: bool = False) -> Entry:
    return Entry(run_dir, move_aside)


def start(run_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.starters", str(run_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("exists", [False, True])
def test_of_thirty_simultaneous_starts_exactly_one_wins(tmp_path: Path, exists: bool) -> None:
    run_dir = tmp_path / "some" / "where" / "exp"
    if exists:
        run_dir.mkdir(parents=True)
    starters = [start(run_dir) for _ in range(30)]
    answers = race(starters)
    for starter in starters:
        starter.communicate()
    assert sorted(answers) == ["75"] * 29 + ["won"]
    assert os.listdir(run_dir) == [".tsdia"]


def test_the_claim_ends_with_the_process_and_needs_no_unlock(tmp_path: Path) -> None:
    starter = start(tmp_path / "exp")
    assert race([starter]) == ["won"]
    with pytest.raises(RunAliveError, match=f"pid {starter.pid} on .* since 20"):
        examine(entry(tmp_path / "exp"))
    starter.kill()
    starter.communicate()
    claim, moved = enter(entry(tmp_path / "exp"))
    claim.close()
    assert moved
    assert moved.parent == tmp_path / ".tsdia-trash"


def test_a_running_rank_keeps_the_run_after_its_supervisor_is_gone(tmp_path: Path) -> None:
    claim = guard.claim_new(tmp_path / "exp")
    rank = claim.open_alive()
    claim.close()
    with pytest.raises(RunAliveError, match="its supervisor .* is gone"):
        guard.claim_existing(tmp_path / "exp")
    os.close(rank)
    guard.claim_existing(tmp_path / "exp").close()


def test_move_aside_deletes_nothing(tmp_path: Path) -> None:
    run_dir = tmp_path / "exp"
    run_dir.mkdir()
    (run_dir / "thesis.tex").write_text("years of work")
    with pytest.raises(CheckpointDirectoryExistsError):
        enter(entry(run_dir))
    assert os.listdir(run_dir) == ["thesis.tex"], "a refused start leaves no trace"
    claim, moved = enter(entry(run_dir, move_aside=True))
    claim.close()
    assert moved
    assert (moved / "thesis.tex").read_text() == "years of work"
    assert os.listdir(run_dir) == [".tsdia"]


def test_a_directory_that_fills_up_at_the_moment_of_the_claim_is_released(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    with pytest.raises(Overtaken):
        guard.claim_new(tmp_path)
    assert os.listdir(tmp_path) == ["data"]


@pytest.mark.parametrize("move_aside", [False, True])
def test_inside_and_around_other_runs_is_refused(tmp_path: Path, move_aside: bool) -> None:
    guard.claim_new(tmp_path / "group" / "exp").close()
    with pytest.raises(RunDirectoryError, match="lies inside the run"):
        enter(entry(tmp_path / "group" / "exp" / "sub", move_aside=move_aside))
    with pytest.raises(RunDirectoryError, match="has the run"):
        enter(entry(tmp_path / "group", move_aside=move_aside))
    assert RunLayout(tmp_path / "group" / "exp").claim.exists()


def test_nothing_is_created_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for name, target in (("link", "elsewhere"), ("dangling", "nowhere")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(RunDirectoryError, match="is a link to"):
            enter(entry(tmp_path / name))
        with pytest.raises(RunDirectoryError, match="is a link"):
            guard.claim_new(tmp_path / name)
    assert os.listdir(tmp_path / "elsewhere") == []
    assert not (tmp_path / "nowhere").exists()


def test_a_linked_parent_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs").symlink_to("disk")
    claim, _ = enter(entry(tmp_path / "runs" / "exp"))
    claim.close()
    assert (tmp_path / "disk" / "exp" / ".tsdia" / "claim").exists()


def test_a_file_is_not_a_run_directory(tmp_path: Path) -> None:
    (tmp_path / "exp").write_text("x")
    with pytest.raises(RunDirectoryError, match="is a file"):
        enter(entry(tmp_path / "exp"))
    with pytest.raises(RunDirectoryError, match="not a directory"):
        enter(entry(tmp_path / "exp" / "sub"))
    assert (tmp_path / "exp").read_text() == "x"


def test_a_trash_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".tsdia-trash").symlink_to("elsewhere")
    (tmp_path / "exp").mkdir()
    (tmp_path / "exp" / "x").touch()
    with pytest.raises(RunDirectoryError, match="is a link"):
        enter(entry(tmp_path / "exp", move_aside=True))
    assert os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts a read-only tmpfs")
def test_a_read_only_directory_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "mount"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(place)], check=True)
    try:
        with pytest.raises(RunDirectoryError, match="Read-only file system"):
            enter(entry(place / "exp"))
    finally:
        subprocess.run(["umount", str(place)], check=True)
