"""Writes that reach only the directory that was opened, and room for the last one of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import disks
from tsdia_run.supervise.held_directory import HeldDirectory

RECORD = b"x" * 5000


def held(root: Path) -> HeldDirectory:
    (root / ".tsdia").mkdir(parents=True)
    return HeldDirectory(root)


def test_a_write_follows_the_directory_and_not_its_path(tmp_path: Path) -> None:
    directory = held(tmp_path / "exp")
    (tmp_path / "exp").rename(tmp_path / "moved")
    (tmp_path / "exp").mkdir()
    directory.write(RECORD)
    directory.write_last(RECORD * 2)
    directory.close()
    assert (tmp_path / "moved/run.json").read_bytes() == RECORD * 2
    assert os.listdir(tmp_path / "exp") == []


def test_a_removed_directory_is_not_absent_and_takes_no_write(tmp_path: Path) -> None:
    directory = held(tmp_path / "runs/exp")
    for path in (tmp_path / "runs/exp/.tsdia", tmp_path / "runs/exp", tmp_path / "runs"):
        path.rmdir()
    assert directory.absence() is None
    with pytest.raises(FileNotFoundError):
        directory.write(RECORD)
    directory.close()


@pytest.mark.root
@pytest.mark.parametrize("options", ["", "nr_inodes=50"])
def test_the_reserve_takes_the_last_write_on_a_full_disk(tmp_path: Path, options: str) -> None:
    disk = tmp_path / "disk"
    with disks.tmpfs(disk, options):
        directory = held(disk / "exp")
        directory.write(RECORD)
        directory.reserve(RECORD)
        disks.use_all_inodes(disk) if options else disks.fill(disk)
        with pytest.raises(OSError, match="No space left on device"):
            directory.write(RECORD * 2)
        assert (disk / "exp/run.json").read_bytes() == RECORD
        directory.write_last(RECORD * 2)
        assert (disk / "exp/run.json").read_bytes() == RECORD * 2
        assert sorted(os.listdir(disk / "exp")) == [".tsdia", "run.json"]
        assert os.listdir(disk / "exp/.tsdia") == []
        directory.close()


@pytest.mark.root
def test_without_room_there_is_no_reserve_until_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with disks.tmpfs(disk):
        directory = held(disk / "exp")
        disks.fill(disk)
        directory.reserve(RECORD)
        assert os.listdir(disk / "exp/.tsdia") == []
        with pytest.raises(OSError, match="No space left on device"):
            directory.write_last(RECORD)
        (disk / "filler").unlink()
        directory.reserve(RECORD)
        disks.fill(disk)
        directory.write_last(RECORD)
        assert (disk / "exp/run.json").read_bytes() == RECORD
        directory.close()


def test_what_a_script_puts_in_place_of_the_reserve_is_not_followed(tmp_path: Path) -> None:
    directory = held(tmp_path / "exp")
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / "exp/.tsdia/reserve").symlink_to(victim)
    (tmp_path / "exp/run.json").mkdir()  # an ordinary write fails
    with pytest.raises(OSError, match="Is a directory"):
        directory.write_last(RECORD)
    assert victim.read_text() == "kept"
    directory.reserve(RECORD)
    assert (tmp_path / "exp/.tsdia/reserve").is_file()
    assert victim.read_text() == "kept"
    directory.close()


@pytest.mark.root
def test_a_place_without_its_disk_is_absent(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with disks.tmpfs(disk):
        directory = held(disk / "exp")
        assert directory.absence() is None
        disks.unmount(disk)
        assert directory.absence() == "its file system is no longer mounted"
        with disks.tmpfs(disk):
            (disk / "exp").mkdir()
            assert directory.absence() == "its file system is no longer mounted"
        directory.write(RECORD)  # reaches the unmounted disk
        assert os.listdir(disk) == []
        directory.close()
