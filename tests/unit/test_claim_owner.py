from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.claim import owner
from tsdia_run.claim.owner import Life, Owner

HERE = Owner("node1", 4711, "2026-11-23T05:41:27+00:00", boot_id="boot-a", start_ticks=900)


def judge(found: Owner, ticks: int | None = 900) -> Life:
    return owner.judge(found, host="node1", boot="boot-a", ticks=ticks)


def test_the_same_process_of_the_same_boot_is_running() -> None:
    assert judge(HERE) is Life.ALIVE


def test_a_process_that_has_exited_or_a_zombie_is_dead() -> None:
    assert judge(HERE, ticks=None) is Life.DEAD


def test_a_reused_pid_is_dead() -> None:
    assert judge(HERE, ticks=901) is Life.DEAD


def test_a_process_of_an_earlier_boot_is_dead_even_if_pid_and_start_match() -> None:
    assert judge(replace(HERE, boot_id="boot-b")) is Life.DEAD


@pytest.mark.parametrize("ticks", [900, None])
def test_a_process_on_another_machine_is_unknown(ticks: int | None) -> None:
    assert judge(replace(HERE, host="node2"), ticks=ticks) is Life.UNKNOWN


def test_an_owner_without_a_start_time_is_never_alive() -> None:
    assert judge(replace(HERE, boot_id=None, start_ticks=None)) is Life.DEAD
    assert owner.judge(replace(HERE, boot_id=None, start_ticks=None), host="node1", boot=None, ticks=None) is Life.DEAD


def test_this_process_is_alive_after_a_write_and_a_read(tmp_path: Path) -> None:
    this_process = owner.this_process()
    (tmp_path / "holder.json").write_bytes(this_process.as_bytes())
    assert owner.read(tmp_path / "holder.json") == this_process
    assert owner.life(this_process) is Life.ALIVE
    assert owner.life(replace(this_process, start_ticks=(this_process.start_ticks or 0) - 1)) is Life.DEAD
    assert owner.life(replace(this_process, pid=os.getpid() * -1)) is Life.DEAD


@given(st.binary(max_size=60) | st.sampled_from([b"[" * 100_000, b'{"host": 1}', b'{"pid": "7"}', b"\xff", b"null"]))
def test_a_file_without_an_owner_reads_as_none(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("holder") / "holder.json"
    path.write_bytes(data)
    assert owner.read(path) is None
