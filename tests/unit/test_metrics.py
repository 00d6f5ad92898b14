"""The summary always equals the lines of metrics.jsonl."""

from __future__ import annotations

import json
import math
import os
import pickle
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdia_run.rundir import metrics, metrics_reader, summary_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.metrics import Line
from tsdia_run.rundir.metrics_series import MAX_POINTS
from tsdia_run.rundir.metrics_summary import Summary
from tsdia_run.supervise.metrics_follower import MetricsFollower


def line(step: int | None, attempt: int = 0, **values: object) -> bytes:
    return json.dumps({"step": step, "time": 1.5, "attempt": attempt, **values}).encode() + b"\n"


def summary_of(path: Path, *, limit_bytes: int | None = None, between: Path | None = None) -> Summary:
    """Read to the end in pieces; if a file is named, save and load the summary after each piece."""
    summary = Summary()
    while summary_file.catch_up(summary, path, limit_bytes):
        if between is not None:
            summary_file.save(summary, between)
            loaded = summary_file.load(between)
            assert loaded is not None
            summary = loaded
    return summary


values = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, width=32), st.sampled_from(list(metrics.NOT_FINITE))
)
attempts = st.lists(
    st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 30)), st.sampled_from("ab"), values), max_size=12),
    max_size=4,
)


@given(attempts=attempts, limit_bytes=st.integers(1, 400))
def test_the_summary_does_not_depend_on_how_the_file_was_read(
    attempts: list[list[tuple[int | None, str, object]]], limit_bytes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("m")
    path = folder / "metrics.jsonl"
    path.write_bytes(
        b"".join(
            line(step, number, **{name: value}) for number, one in enumerate(attempts) for step, name, value in one
        )
    )
    whole = summary_of(path)
    assert repr(summary_of(path, limit_bytes=limit_bytes, between=folder / "s.json")) == repr(whole)


@given(attempts=attempts, torn=st.binary(max_size=20))
@settings(max_examples=10)
def test_several_processes_read_the_same(
    attempts: list[list[tuple[int | None, str, object]]], torn: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("m") / "metrics.jsonl"
    lines = [line(step, n, **{name: value}) for n, one in enumerate(attempts) for step, name, value in one]
    path.write_bytes(torn + b"\n" + b"".join(lines) * 2 + torn)
    alone = summary_of(path, limit_bytes=100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics_reader, "_MIN_SHARE_BYTES", 50)
        patch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
        assert repr(summary_of(path)) == repr(alone)


def test_a_share_is_read_again_if_its_process_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(line(step, a=step) for step in range(100)))
    monkeypatch.setattr(metrics_reader, "_MIN_SHARE_BYTES", 50)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(pickle, "dump", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    assert summary_of(path).series["a"].count == 100


def test_a_deleted_summary_does_not_delay_the_end(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)
    layout.own.mkdir()
    layout.metrics.write_bytes(b"".join(line(step, a=step) for step in range(60_000)))
    follower = MetricsFollower(layout)
    follower.tick(time.monotonic() + 10)
    found = follower.finish()
    assert found is None or found.series["a"].count == 60_000
    # What was read counts; a reader adds the rest.
    assert summary_file.load(layout.metrics_summary) is not None
    whole = summary_file.read_summary(layout)
    assert whole is not None
    assert whole.series["a"].count == 60_000


def test_a_resume_from_an_earlier_step_supersedes_later_values(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(
        b"".join(line(step, 0, loss=100 - step) for step in range(0, 50, 10))
        + b"".join(line(step, 1, loss=200 - step) for step in (20, 30))
    )
    series = summary_of(path).series["loss"]
    assert series.points == [(0, 100), (10, 90), (20, 180), (30, 170)]
    assert series.low is not None
    assert series.low.step == 10
    assert series.last is not None
    assert (series.last.step, series.last.attempt) == (30, 1)


def test_nan_has_its_first_step_until_a_finite_value_follows(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(
        line(1, loss=2.0) + line(2, loss="NaN") + line(3, loss=1.0) + line(4, loss="NaN") + line(5, loss="NaN")
    )
    series = summary_of(path).series["loss"]
    assert series.first_not_finite is not None
    assert series.not_finite_since is not None
    assert (series.first_not_finite.step, series.not_finite_since.step) == (2, 4)
    assert series.low is not None
    assert series.low.value == 1.0
    path.write_bytes(path.read_bytes() + line(6, loss=1.5))
    assert summary_of(path).series["loss"].not_finite_since is None


def test_the_number_of_points_is_limited_and_they_cover_the_run(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(line(step, loss=float(step)) for step in range(20_000)))
    points = summary_of(path).series["loss"].points
    steps = [step for step, _ in points if step is not None]
    assert MAX_POINTS / 2 <= len(points) <= MAX_POINTS
    assert steps[0] == 0
    assert steps[-1] > 19_000
    assert len({b - a for a, b in pairwise(steps)}) == 1


@pytest.mark.parametrize(
    "torn",
    [b'{"step": 3, "ti', b"\0" * 50, b"\xff\xfe\n", b"[]\n", b'{"step": "x", "time": 1, "attempt": 0}\n', b"\n"],
)
def test_a_damaged_line_loses_only_itself(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(line(1, a=1) + torn.rstrip(b"\n") + b"\n" + line(2, a=2) + b'{"step": 3, "time": 1')
    assert summary_of(path).series["a"].points == [(1, 1), (2, 2)]


@given(st.binary(max_size=300))
def test_no_line_causes_a_traceback(data: bytes) -> None:
    assert metrics.parse(data) is None or isinstance(metrics.parse(data), Line)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b'{"schema": 1}', b'{"schema": 9}', b"1e999"])
def test_a_damaged_summary_is_built_again(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(data)
    assert summary_file.load(path) is None


def test_a_reader_adds_lines_that_the_supervisor_did_not_summarize(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)
    layout.own.mkdir()
    assert summary_file.read_summary(layout) is None
    layout.metrics.write_bytes(line(1, a=1))
    summary_file.save(summary_of(layout.metrics), layout.metrics_summary)
    before = layout.metrics_summary.read_bytes()
    with layout.metrics.open("ab") as file:
        file.write(line(2, a=math.pi))
    found = summary_file.read_summary(layout)
    assert found is not None
    assert found.series["a"].count == 2
    assert layout.metrics_summary.read_bytes() == before
    summary_file.save(found, layout.metrics_summary)
    layout.metrics.write_bytes(line(7, b=1))  # shorter than the summary recorded: another file
    replaced = summary_file.read_summary(layout)
    assert replaced is not None
    assert list(replaced.series) == ["b"]


def of_two_axes(attempt: int, first: int, last: int) -> bytes:
    """Make a loss for every step, and a validation loss with its epoch, of 10 steps, as its step."""
    lines = []
    for step in range(first, last):
        lines.append(line(step, attempt, loss=attempt))
        if step % 10 == 9:
            lines.append(line(step // 10, attempt, val_loss=attempt))
    return b"".join(lines)


@given(
    ends=st.lists(st.integers(10, 100), min_size=1, max_size=4),
    backs=st.lists(st.integers(0, 9), min_size=4, max_size=4),
    limit_bytes=st.integers(1, 4000),
)
def test_each_metric_is_superseded_by_its_own_steps(
    ends: list[int], backs: list[int], limit_bytes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("m") / "metrics.jsonl"
    data, at = b"", 0
    losses: dict[int, float] = {}
    val_losses: dict[int, float] = {}
    for attempt, end in enumerate(ends):
        first = min(at, 10 * backs[attempt])  # a checkpoint after each epoch
        at = first + end
        data += of_two_axes(attempt, first, at)
        for expected, position in ((losses, first), (val_losses, first // 10)):
            for step in [step for step in expected if step >= position]:
                del expected[step]
        losses |= dict.fromkeys(range(first, at), float(attempt))
        val_losses |= {step // 10: float(attempt) for step in range(first, at) if step % 10 == 9}
    path.write_bytes(data)
    summary = summary_of(path, limit_bytes=limit_bytes)
    assert summary.series["loss"].points == list(losses.items())
    assert summary.series["val_loss"].points == list(val_losses.items())
    assert summary.last_step == max(losses)


def test_a_metric_by_epoch_that_comes_first_supersedes_no_steps(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(of_two_axes(0, 0, 40) + line(3, 1, val_loss=0.5) + line(30, 1, loss=7))
    summary = summary_of(path)
    points = summary.series["loss"].points
    assert (len(points), *points[-1:]) == (31, (30, 7))
    assert summary.series["val_loss"].points == [(0, 0), (1, 0), (2, 0), (3, 0.5)]
    assert summary.starts == {0: 0, 1: 30}
