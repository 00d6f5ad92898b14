from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.claim import owner
from tsdia_run.claim.owner import Holder, Life

HERE = Holder("node1", 4711, "2026-11-23T05:41:27+00:00", boot_id="boot-a", start_ticks=900)


def judge(found: Holder, ticks: int | None = 900) -> Life:
    return owner.judge(found, host="node1", boot="boot-a", ticks=ticks)


def test_the_same_process_of_the_same_boot_is_running() -> None:
    assert judge(HERE) is Life.ALIVE


def test_a_process_that_is_gone_or_a_zombie_is_dead() -> None:
    assert judge(HERE, ticks=None) is Life.DEAD


def test_a_reused_pid_is_dead() -> None:
    assert judge(HERE, ticks=901) is Life.DEAD


def test_another_boot_is_dead_although_pid_and_start_agree() -> None:
    assert judge(replace(HERE, boot_id="boot-b")) is Life.DEAD


@pytest.mark.parametrize("ticks", [900, None])
def test_nothing_is_known_about_another_machine(ticks: int | None) -> None:
    assert judge(replace(HERE, host="node2"), ticks=ticks) is Life.UNKNOWN


def test_an_owner_without_a_start_time_is_never_considered_running() -> None:
    assert judge(replace(HERE, boot_id=None, start_ticks=None)) is Life.DEAD
    assert owner.judge(replace(HERE, boot_id=None, start_ticks=None), host="node1", boot=None, ticks=None) is Life.DEAD


def test_this_process_is_running_and_its_owner_record_is_read_back(tmp_path: Path) -> None:
    ourselves = owner.ourselves()
    (tmp_path / "holder.json").write_bytes(ourselves.as_bytes())
    assert owner.read(tmp_path / "holder.json") == ourselves
    assert owner.life(ourselves) is Life.ALIVE
    assert owner.life(replace(ourselves, start_ticks=(ourselves.start_ticks or 0) - 1)) is Life.DEAD
    assert owner.life(replace(ourselves, pid=os.getpid() * -1)) is Life.DEAD


@given(st.binary(max_size=60) | st.sampled_from([b"[" * 100_000, b'{"host": 1}', b'{"pid": "7"}', b"\xff", b"null"]))
def test_a_file_without_an_owner_names_none(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("holder") / "holder.json"
    path.write_bytes(data)
    assert owner.read(path) is None
