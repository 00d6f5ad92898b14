"""Superseded checkpoints stay superseded until they are saved again, or a resume starts from them."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

from tests.support.layouts import torch
from tsdia_run.checkpoints.superseded import beyond, superseded_now
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Attempt, Run, State


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, tz=timezone.utc)


def saved(run: Path, name: str, second: int) -> Path:
    torch(run / name)
    os.utime(run / name, (second, second))
    return run / name


def attempt(number: int, second: int, start: str | None = None, superseded: tuple[str, ...] = ()) -> Attempt:
    return Attempt(number, State.FAILED, at(second), "", "", checkpoint=start, superseded=superseded)


def test_files_are_superseded_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        saved(tmp_path, f"model_{step}.pt", 50)
    layout = RunLayout(tmp_path)
    assert beyond(layout, tmp_path / "model_9.pt") == ("model_10.pt", "model_100.pt")
    assert beyond(layout, None) == ("model_9.pt", "model_10.pt", "model_100.pt")
    run = Run("i", "n", at(0), attempts=(attempt(0, 10), attempt(1, 60, "model_9.pt", ("model_10.pt", "model_100.pt"))))
    assert superseded_now(run, layout) == {tmp_path / "model_10.pt", tmp_path / "model_100.pt"}
    saved(tmp_path, "model_10.pt", 70)
    assert superseded_now(run, layout) == {tmp_path / "model_100.pt"}


def test_a_superseded_checkpoint_that_a_later_resume_starts_from_counts_again(tmp_path: Path) -> None:
    saved(tmp_path, "model_10.pt", 50)
    saved(tmp_path, "model_100.pt", 50)
    run = Run(
        "i",
        "n",
        at(0),
        attempts=(
            attempt(0, 10),
            attempt(1, 60, "model_9.pt", ("model_10.pt", "model_100.pt")),
            attempt(2, 70, "model_100.pt"),
        ),
    )
    assert superseded_now(run, RunLayout(tmp_path)) == {tmp_path / "model_10.pt"}
