"""Recordings of real progress bars: the log contains what their terminal showed at the end."""

from __future__ import annotations

import pytest

from tests.support.capture import CAPTURES, RECORDINGS
from tests.support.reference_terminal import shown
from tests.unit.test_relay_lines import lines_of, log_of
from tsdia_run.relay.lines import LineModel


def recorded_log(name: str, *pieces: bytes) -> bytes:
    return log_of(*pieces, columns=RECORDINGS[name].columns, height=RECORDINGS[name].rows)


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_log_is_what_the_terminal_showed(name: str) -> None:
    data = (CAPTURES / f"{name}.bytes").read_bytes()
    terminal = RECORDINGS[name]
    lines = lines_of(data, columns=terminal.columns, height=terminal.rows)
    assert lines == shown(data, terminal.columns, terminal.rows)
    assert lines[-1].endswith(("done", "rows", "exit"))


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_any_chunks_give_the_same_log(name: str, size: int) -> None:
    data = (CAPTURES / f"{name}.bytes").read_bytes()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert recorded_log(name, *pieces) == recorded_log(name, data)


def test_bars_leave_one_line_each() -> None:
    lines = log_of((CAPTURES / "tqdm-nested.bytes").read_bytes()).decode().splitlines()
    assert [line.split(":")[0] for line in lines] == [*["validation"] * 3, "epochs", "done"]
    lines = log_of((CAPTURES / "rich.bytes").read_bytes()).decode().splitlines()
    texts = [line.split("━")[0].strip() for line in lines]
    steps = ["step 0 of the run", "step 7 of the run", "step 14 of the run"]
    assert texts == ["loading", *steps, "task 0", "task 1", "task 2", "done"]


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_log_that_is_read_while_bars_run_repeats_little(name: str) -> None:
    """With reads in between, as in a real run, a line that seemed final may appear again, a few times at most."""
    data = (CAPTURES / f"{name}.bytes").read_bytes()
    model = LineModel(columns=RECORDINGS[name].columns, height=RECORDINGS[name].rows)
    pieces: list[bytes | memoryview] = []
    for at in range(0, len(data), 256):  # twenty a second
        now = at / 256 / 20
        pieces += model.feed(data[at : at + 256], now)
        if at // 256 % 5 == 0:
            pieces += model.settle(now)
    pieces += model.finish(1e6)
    looked_at = b"".join(pieces).splitlines()
    final = recorded_log(name, data).splitlines()
    assert set(final) <= set(looked_at)
    assert len(looked_at) <= 1.5 * len(final) + 3
