"""Numbers order a family of names; the steps in manifests order families, or else times, or else steps."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import checkpoints as made
from tsdia_run.checkpoints import find, manifest, parse_name, read_name
from tsdia_run.checkpoints.finding import Checkpoint, FoundCheckpoint, in_order

RUN = Path("run")


def found(name: str, step: int | None = None) -> FoundCheckpoint:
    path = RUN / name
    return FoundCheckpoint(parse_name(path) or Checkpoint(path), step)


def announced(path: Path) -> Checkpoint:
    return read_name(path) or Checkpoint(path)


def ordered(*members: FoundCheckpoint) -> list[str]:
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


def test_numbers_order_a_family_for_any_logged_step() -> None:
    # A script that logs the batch of the epoch as its step.
    assert ordered(found("epoch_10", 10), found("epoch_9", 90), found("epoch_2")) == ["epoch_2", "epoch_9", "epoch_10"]


def test_a_family_without_steps_is_placed_by_its_manifests() -> None:
    members = (found("checkpoints/checkpoint_0", 100), found("checkpoints/checkpoint_1", 200), found("step_150"))
    assert ordered(*members) == ["checkpoints/checkpoint_0", "step_150", "checkpoints/checkpoint_1"]


def test_free_names_are_ordered_by_their_manifests() -> None:
    assert ordered(found("zebra", 1), found("ant", 5), found("cat")) == ["cat", "zebra", "ant"]


@given(st.lists(st.tuples(st.integers(0, 99), st.none() | st.integers(0, 99)), unique_by=lambda pair: pair[0]))
def test_no_manifest_puts_a_lower_number_after_a_higher_one(pairs: list[tuple[int, int | None]]) -> None:
    checkpoints = in_order([found(f"checkpoints/checkpoint_{number}", step) for number, step in pairs])
    numbers = [checkpoint.iteration or 0 for checkpoint in checkpoints]
    assert numbers == sorted(numbers)


def test_the_checkpoints_of_a_run(tmp_path: Path) -> None:
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


NAMES = st.sampled_from(
    ["checkpoint-{}", "checkpoint_{}", "epoch-{}", "model_{:06}.pt", "a/step_{}", "ckpt{}.pt", "last", "interrupted"]
)
saved = st.builds(
    lambda name, number, step, at: FoundCheckpoint(announced(RUN / name.format(number)), step, saved_s=at),
    NAMES,
    st.integers(0, 200),
    st.none() | st.integers(0, 50),
    st.none() | st.floats(0, 50),
)
many = st.lists(saved, max_size=12, unique_by=lambda one: one.named.path)


@given(many, st.randoms())
def test_the_order_does_not_depend_on_the_order_of_the_search(members: list[FoundCheckpoint], random: Random) -> None:
    shuffled = list(members)
    random.shuffle(shuffled)
    assert in_order(shuffled) == in_order(members)
    assert {one.path for one in in_order(members)} == {one.named.path for one in members}


@given(many)
def test_numbers_are_compared_as_numbers_within_every_family(members: list[FoundCheckpoint]) -> None:
    families: dict[object, list[int]] = {}
    for one in in_order(members):
        digits = re.findall(r"\d+", one.path.name)
        if digits:
            families.setdefault((one.path.parent, re.sub(r"\d+", "#", one.path.name)), []).append(int(digits[0]))
    assert all(numbers == sorted(numbers) for numbers in families.values())


@given(many, NAMES)
def test_the_checkpoint_saved_last_with_the_highest_step_is_the_newest(
    members: list[FoundCheckpoint], name: str
) -> None:
    path = RUN / "z" / name.format(1)
    newest = FoundCheckpoint(Checkpoint(path), 500, saved_s=51.0)
    assert in_order([newest, *members])[-1].path == path


@given(many)
def test_without_manifests_families_are_compared_by_time(members: list[FoundCheckpoint]) -> None:
    last = FoundCheckpoint(Checkpoint(RUN / "z" / "last"), saved_s=51.0)
    timed = [replace(one, step=None, saved_s=one.saved_s or 0.0) for one in members]
    assert in_order([last, *timed])[-1].path == last.named.path
    first = replace(last, saved_s=-1.0)
    assert in_order([first, *timed])[0].path == last.named.path


def test_steps_that_start_from_zero_in_each_epoch() -> None:
    names = ("epoch_1_step_900", "epoch_2_step_100", "epoch_10_step_5")
    assert [one.path.name for one in in_order([FoundCheckpoint(announced(RUN / name)) for name in names])] == [*names]


def test_metrics_in_names_do_not_affect_the_order() -> None:
    members = [
        FoundCheckpoint(Checkpoint(RUN / "best-0.9.pt"), saved_s=1.0),
        FoundCheckpoint(Checkpoint(RUN / "best-0.12.pt"), saved_s=2.0),
    ]
    assert [one.path.name for one in in_order(members)] == ["best-0.9.pt", "best-0.12.pt"]
