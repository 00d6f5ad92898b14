from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import checkpoints as made
from tsdia_run.checkpoints import Checkpoint, best
from tsdia_run.checkpoints.retention import best_of, to_remove
from tsdia_run.errors import NotFoundError

FIVE = tuple(Checkpoint(Path(f"checkpoint_{number}"), iteration=number) for number in range(5))


@pytest.mark.parametrize(
    ("limit", "keep", "gone"),
    [(5, (), []), (9, (), []), (2, (), [0, 1, 2]), (1, (), [0, 1, 2, 3]), (0, (), [0, 1, 2, 3]), (2, (1,), [0, 2])],
)
def test_the_oldest_are_removed_and_protected_ones_stay(limit: int, keep: tuple[int, ...], gone: list[int]) -> None:
    kept = {FIVE[number].path for number in keep}
    assert [checkpoint.iteration for checkpoint in to_remove(FIVE, limit, kept)] == gone


def test_the_best_by_a_metric(tmp_path: Path) -> None:
    from dataclasses import replace

    plain = made.seal(made.state(tmp_path / "c"))
    values = (0.5, 0.2, None, 0.2, 0.9)
    measured = [
        (checkpoint, replace(plain, metrics=None if value is None else {"val_loss": value}))
        for checkpoint, value in zip(FIVE, values, strict=True)
    ]
    assert best_of(measured, "val_loss", greater_is_better=False) == FIVE[1]
    assert best_of(measured, "val_loss", greater_is_better=True) == FIVE[4]
    assert best_of(measured, "accuracy", greater_is_better=True) is None


def test_the_link_is_relative_and_replaced(tmp_path: Path) -> None:
    link = tmp_path / "best_checkpoint"
    for name in ("checkpoints/checkpoint_1", "checkpoint-epoch1-step2"):
        (tmp_path / name).mkdir(parents=True)
        best.point(link, tmp_path / name)
        assert os.readlink(link) == name
        assert best.target(link) == tmp_path / name
    with pytest.raises(NotFoundError):
        best.point(link, tmp_path / "gone")
    assert best.target(link) == tmp_path / "checkpoint-epoch1-step2"


def test_a_dangling_link_is_replaced_only_if_it_points_to_checkpoints(tmp_path: Path) -> None:
    link = tmp_path / "best_checkpoint"
    assert best.target(link) is None
    link.symlink_to("checkpoint_3")
    assert best.target(link) is None
    (tmp_path / "checkpoints" / "checkpoint_3").mkdir(parents=True)
    assert best.target(link) == tmp_path / "checkpoints" / "checkpoint_3"
