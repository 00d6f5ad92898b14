from __future__ import annotations

import pytest

from tsdia_run.rundir.headline import Better, best, better, headline, is_validation
from tsdia_run.rundir.metrics_series import Point, Series


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("loss", Better.LOWER),
        ("val/loss", Better.LOWER),
        ("eval_wer", Better.LOWER),
        ("test/DER", Better.LOWER),
        ("val_accuracy", Better.HIGHER),
        ("top1_acc", Better.HIGHER),
        ("recall@5", Better.HIGHER),
        ("eval/f1", Better.HIGHER),
        ("learning_rate", None),
        ("gloss", None),
        ("", None),
    ],
)
def test_the_name_of_a_metric_shows_its_direction(name: str, what: Better | None) -> None:
    assert better(name) is what


def test_validation_is_recognised_by_complete_words() -> None:
    names = ("val_loss", "eval/loss", "loss/dev", "validation.loss", "value", "evaluate_time", "train/loss")
    assert [is_validation(name) for name in names] == [True, True, True, True, False, False, False]


def series(low: float, high: float) -> Series:
    return Series(count=2, low=Point(1, low, 0, 0.0), high=Point(2, high, 0, 0.0))


def test_the_best_value_is_in_the_direction_of_the_name() -> None:
    assert best("val_loss", series(1, 2)) == Point(1, 1, 0, 0.0)
    assert best("val_acc", series(1, 2)) == Point(2, 2, 0, 0.0)
    assert best("grad_norm", series(1, 2)) is None
    assert best("val_loss", Series()) is None


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (["train/loss", "val/accuracy", "val/loss"], "val/loss"),
        (["train/loss", "val/accuracy"], "val/accuracy"),
        (["lr", "train/accuracy", "train/loss"], "train/loss"),
        (["lr", "train/accuracy"], "train/accuracy"),
        (["a/val_loss", "b/val_loss"], "a/val_loss"),
        (["lr"], None),
        ([], None),
    ],
)
def test_the_main_metric_of_a_run(names: list[str], first: str | None) -> None:
    found = headline({name: series(1, 2) for name in names})
    assert (found.name if found else None) == first
