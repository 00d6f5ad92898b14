"""The best checkpoint of transformers' Trainer, from trainer_state.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tsdia_run.checkpoints import Checkpoint, trainer_state

HISTORY = [
    {"step": 2, "loss": 1.0},
    {"step": 2, "eval_loss": 0.5, "name": "text"},
    {"step": 4, "eval_loss": float("nan")},
    {"step": 6, "eval_loss": 0.7},
    "damaged",
]


def checkpoint(folder: Path, step: int, **state: object) -> Checkpoint:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    if state:
        (path / "trainer_state.json").write_text(json.dumps(state))
    return Checkpoint(path, step=step)


def test_the_newest_state_names_the_best_checkpoint_and_has_the_values_of_all(tmp_path: Path) -> None:
    found = [
        checkpoint(tmp_path, 2, best_model_checkpoint="elsewhere/checkpoint-2", best_metric=1, log_history=HISTORY[:1]),
        checkpoint(tmp_path, 4, best_model_checkpoint="moved/checkpoint-2", best_metric=0.5, log_history=HISTORY),
        checkpoint(tmp_path, 6),
    ]
    state = trainer_state.newest(found)
    assert (state.best, state.best_metric) == (found[0].path, 0.5)
    assert [state.value_at("eval_loss", step) for step in (1, 2, 5, 6, None)] == [None, 0.5, 0.5, 0.7, None]


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"best_model_checkpoint": None, "best_metric": None},
        {"best_model_checkpoint": "x/checkpoint-9", "best_metric": 0.5},
        {"best_model_checkpoint": 3, "best_metric": "text", "log_history": {"step": 1}},
        {"best_model_checkpoint": "", "log_history": [{"step": "text", "eval_loss": 1.0}, {}, 3]},
    ],
)
def test_a_state_without_a_best_checkpoint_marks_none(tmp_path: Path, state: dict[str, object]) -> None:
    found = trainer_state.newest([checkpoint(tmp_path, 2, **state)])
    assert (found.best, found.best_metric) == (None, None)
