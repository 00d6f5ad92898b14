"""Recordings of real progress bars: the log contains what their terminal showed at the end."""

from __future__ import annotations

import pytest

from tests.support.capture import CAPTURES, COLUMNS, ROWS, SCRIPTS
from tests.unit.test_relay_lines import log_of, shown, without_blank_end
from tsdia_run.relay.lines import HEIGHT, LineModel


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_log_is_what_the_terminal_showed(name: str) -> None:
    assert ROWS == HEIGHT
    data = (CAPTURES / f"{name}.bytes").read_bytes()
    lines = without_blank_end(log_of(data).decode().splitlines())
    assert lines == shown(data, 4 * COLUMNS)  # a line of the log is one line, however narrow the terminal was
    assert lines[-1].endswith(("done", "rows"))


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_any_chunks_give_the_same_log(name: str, size: int) -> None:
    data = (CAPTURES / f"{name}.bytes").read_bytes()
    assert log_of(*(data[at : at + size] for at in range(0, len(data), size))) == log_of(data)


def test_bars_leave_one_line_each() -> None:
    lines = log_of((CAPTURES / "tqdm-nested.bytes").read_bytes()).decode().splitlines()
    assert [line.split(":")[0] for line in lines] == [*["validation"] * 3, "epochs", "done"]
    lines = log_of((CAPTURES / "rich.bytes").read_bytes()).decode().splitlines()
    texts = [line.split("━")[0].strip() for line in lines]
    steps = ["step 0 of the run", "step 7 of the run", "step 14 of the run"]
    assert texts == ["loading", *steps, "task 0", "task 1", "task 2", "done"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_log_that_is_read_while_bars_run_repeats_little(name: str) -> None:
    """With reads in between, as in a real run, a line that seemed final may appear again, a few times at most."""
    data = (CAPTURES / f"{name}.bytes").read_bytes()
    model = LineModel()
    pieces: list[bytes | memoryview] = []
    for at in range(0, len(data), 256):  # twenty a second
        now = at / 256 / 20
        pieces += model.feed(data[at : at + 256], now)
        if at // 256 % 5 == 0:
            pieces += model.settle(now)
    pieces += model.finish(1e6)
    looked_at = b"".join(pieces).splitlines()
    assert set(log_of(data).splitlines()) <= set(looked_at)
    assert len(looked_at) <= 1.5 * len(log_of(data).splitlines()) + 3
