"""Steps order checkpoints; where a family has none, its numbers do; names and times never."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import checkpoints as made
from tsdia_run.rundir.checkpoints import find, manifest, parse_name
from tsdia_run.rundir.checkpoints.finding import Checkpoint, Found, in_order

RUN = Path("run")


def found(name: str, step: int | None = None) -> Found:
    path = RUN / name
    return Found(parse_name(path) or Checkpoint(path), step)


def ordered(*members: Found) -> list[str]:
    return [str(checkpoint.path.relative_to(RUN)) for checkpoint in in_order(members)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("checkpoint-epoch3-step900", (900, 3, None)),
        ("checkpoint-500", (500, None, None)),
        ("step_7", (7, None, None)),
        ("epoch_2", (None, 2, None)),
        ("checkpoint_4", (None, None, 4)),
        ("checkpoint-best", None),
        ("checkpoint-5.tmp", None),
    ],
)
def test_names_in_use(name: str, expected: tuple[int | None, ...] | None) -> None:
    checkpoint = parse_name(RUN / name)
    assert (checkpoint and (checkpoint.step, checkpoint.epoch, checkpoint.iteration)) == expected


def test_steps_of_different_families_are_compared() -> None:
    names = ("checkpoint-epoch2-step900", "checkpoint-1000", "step_50", "step_950")
    assert ordered(*map(found, names)) == [
        "step_50",
        "checkpoint-epoch2-step900",
        "step_950",
        "checkpoint-1000",
    ]


def test_numbers_order_a_family_whatever_step_was_logged() -> None:
    # A script that logs the batch of the epoch as its step.
    assert ordered(found("epoch_10", 10), found("epoch_9", 90), found("epoch_2")) == ["epoch_2", "epoch_9", "epoch_10"]


def test_a_family_without_steps_stands_where_its_manifests_say() -> None:
    members = (found("checkpoints/checkpoint_0", 100), found("checkpoints/checkpoint_1", 200), found("step_150"))
    assert ordered(*members) == ["checkpoints/checkpoint_0", "step_150", "checkpoints/checkpoint_1"]


def test_free_names_are_ordered_by_their_manifests() -> None:
    assert ordered(found("zebra", 1), found("ant", 5), found("cat")) == ["cat", "zebra", "ant"]


@given(st.lists(st.tuples(st.integers(0, 99), st.none() | st.integers(0, 99)), unique_by=lambda pair: pair[0]))
def test_no_manifest_ever_puts_a_lower_number_after_a_higher_one(pairs: list[tuple[int, int | None]]) -> None:
    checkpoints = in_order([found(f"checkpoints/checkpoint_{number}", step) for number, step in pairs])
    numbers = [checkpoint.iteration or 0 for checkpoint in checkpoints]
    assert numbers == sorted(numbers)


def test_what_is_found_in_a_run(tmp_path: Path) -> None:
    saved = made.state(tmp_path / "checkpoints" / "checkpoint_0")
    manifest.write(saved, replace(made.seal(saved), step=30, epoch=1))
    old = made.state(tmp_path / "anything")
    for path in (*old.iterdir(), old):
        os.utime(path, (1, 1))
    made.state(tmp_path / ".checkpoint-epoch1-step9")
    made.state(tmp_path / "wandb" / "step_3")
    (tmp_path / "step_20").mkdir()
    (tmp_path / "best_checkpoint").symlink_to("step_20")
    assert find(tmp_path) == (
        Checkpoint(tmp_path / "anything"),
        Checkpoint(tmp_path / "step_20", step=20),
        Checkpoint(saved, step=30, epoch=1, iteration=0),
    )
