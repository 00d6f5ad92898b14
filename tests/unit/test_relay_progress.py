"""Read the progress from progress bars."""

from __future__ import annotations

import pytest

from tsdia_run.relay.progress_bar import read


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "Epoch 3:  45%|████▌     | 45/100 [00:30<00:36,  1.50it/s, loss=0.3]",
            {"description": "Epoch 3", "percent": "45", "n": "45", "total": "100", "rate": "1.50it/s", "eta": "00:36"},
        ),
        (
            "100%|██████████| 1.2k/1.2k [01:00<00:00, 20.0it/s]",
            {"percent": "100", "n": "1.2k", "total": "1.2k", "rate": "20.0it/s", "eta": "00:00"},
        ),
        (
            "  0%|          | 0/50 [00:00<?, ?it/s]",
            {"percent": "0", "n": "0", "total": "50", "rate": "?it/s", "eta": "?"},
        ),
        ("reading: 45it [00:30,  1.50it/s]", {"description": "reading", "n": "45", "rate": "1.50it/s"}),
        (
            "Downloading ━━━━━━━━━━━━━━━╸━━━━━━━━  45% 0:00:36",
            {"description": "Downloading", "percent": "45", "eta": "0:00:36"},
        ),
        (
            "Training ━━━━━╸━━━━ 45/100 1.5 it/s 0:00:36",
            {"description": "Training", "n": "45", "total": "100", "rate": "1.5 it/s", "eta": "0:00:36"},
        ),
    ],
)
def test_a_bar_is_read(line: str, said: dict[str, str]) -> None:
    assert read(line) == said


@pytest.mark.parametrize(
    "line", ["", "loss 0.3 at 45%", "epoch 3/10 done", "| a | table |", "x" * 5000, "[00:30<00:36]", "50%|" * 2000]
)
def test_other_lines_are_not_bars(line: str) -> None:
    assert read(line) is None
