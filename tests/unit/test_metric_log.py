"""Each value that a script logs is in metrics.jsonl once, also if several libraries get it."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdia_run.rundir import metrics, metrics_tail
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.training.boot.import_hooks import HOOKED
from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks import forwarding, install
from tsdia_run.training.hooks.hyperparameters import Hyperparameters
from tsdia_run.training.hooks.metric_log import MetricLog, MetricSource, scalars
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wandb_steps import ResumedCount, RunSteps
from tsdia_run.training.hooks.writer_metrics import WriterFolder

Lines = list[tuple[int | None, dict[str, Any]]]


def session_in(folder: Path, number: int = 0, checkpoint: Path | None = None) -> Session:
    layout = RunLayout(folder)
    layout.attempt(number).root.mkdir(parents=True, exist_ok=True)
    return Session("id", "name", layout, number, None, checkpoint, frozenset())


@pytest.fixture(autouse=True)
def _fresh_rank() -> Iterator[None]:
    yield
    RANK.__init__()  # type: ignore[misc]  # other tests share the process


@pytest.fixture
def log(tmp_path: Path) -> MetricLog:
    return MetricLog(session_in(tmp_path))


def lines(folder: Path) -> Lines:
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(one["step"], {n: v for n, v in one.items() if n not in metrics.OWN_KEYS}) for one in found]


def test_the_bootstrap_watches_the_modules_that_have_hooks() -> None:
    assert sorted(HOOKED) == sorted(row[0] for row in install.HOOKS)


def test_a_value_from_two_libraries_counts_once_and_other_values_count(log: MetricLog, tmp_path: Path) -> None:
    one, other, third = MetricSource(log), MetricSource(log), MetricSource(log)
    for step in range(3):
        one.add({"loss": step / 2, "nan": math.nan, "constant": 1}, step)
        other.add({"loss": step / 2, "nan": math.nan, "constant": 1.0, "more": 2}, step)
        third.add({"loss": step / 2 + 1, "constant": 1}, step)
    assert lines(tmp_path) == [
        line
        for step in range(3)
        for line in (
            (step, {"loss": step / 2, "nan": "NaN", "constant": 1}),
            (step, {"more": 2}),
            (step, {"loss": step / 2 + 1}),
        )
    ]


def test_a_library_without_a_step_has_the_step_of_the_other(log: MetricLog, tmp_path: Path) -> None:
    one, other = MetricSource(log), MetricSource(log)
    for step in range(3):
        one.add({"lr": 0.1}, step)
        other.add({"lr": 0.1}, None, counted=step + 7)
    other.add({"lr": 0.1}, None, counted=10)  # a fourth call, which the first library did not get
    assert lines(tmp_path) == [*((step, {"lr": 0.1}) for step in range(3)), (10, {"lr": 0.1})]


@given(calls=st.lists(st.tuples(st.sampled_from([0.5, 1.0]), st.booleans(), st.booleans()), max_size=12))
def test_each_logical_log_counts_once(
    calls: list[tuple[float, bool, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each step is logged by one library, by the other, or by both in any order; both may pass the step."""
    folder = tmp_path_factory.mktemp("log")
    log = MetricLog(session_in(folder))
    sources = [MetricSource(log), MetricSource(log)]
    (folder / "metrics.jsonl").touch()
    for step, (value, first_begins, is_both) in enumerate(calls):
        order = sources if first_begins else sources[::-1]
        for source in order[: 2 if is_both else 1]:
            source.add({"a": value}, step)
    assert lines(folder) == [(step, {"a": value}) for step, (value, _, _) in enumerate(calls)]


def test_a_dict_that_the_script_changes_later_does_not_change_the_log(log: MetricLog, tmp_path: Path) -> None:
    values = {"loss": 1.0}
    MetricSource(log).add(values, 1)
    values["loss"] = 2.0
    MetricSource(log).add({"loss": 1.0}, 1)
    assert lines(tmp_path) == [(1, {"loss": 1.0})]


def test_writers_of_two_directories_have_their_own_names_for_one_tag(log: MetricLog, tmp_path: Path) -> None:
    train, val = WriterFolder(log, "/r/train"), WriterFolder(log, "/r/deep/val")
    outer, mirror = WriterFolder(log, "/r"), WriterFolder(log, "/copy")
    for step in range(2):
        train.add({"loss": step, "lr": 0.1}, step)
        mirror.add({"loss": step, "lr": 0.1}, step)
        val.add({"loss": step + 1, "acc": 0.5}, step)
        outer.add({"loss": step + 2}, step)
    val.add({"loss": 7}, 2)
    train.add({"loss": 7}, 2)
    assert lines(tmp_path) == [
        *(
            line
            for step in range(2)
            for line in (
                (step, {"loss": step, "lr": 0.1}),
                (step, {"deep/val/loss": step + 1, "acc": 0.5}),
                (step, {"r/loss": step + 2}),
            )
        ),
        (2, {"deep/val/loss": 7}),
        (2, {"loss": 7}),
    ]


def test_only_numbers_are_scalars() -> None:
    found = scalars({"a": 1, "b": {"c": 2.0, "d": {"e": True}}, "text": "no", "none": None, "step": 5}, ".")
    assert found == {"a": 1, "b.c": 2.0, "b.d.e": True, "logged/step": 5}


def steps_of(
    *calls: tuple[dict[str, float], int | None, bool | None],
    start: int = 0,
    step_metrics: tuple[tuple[str, str], ...] = (),
) -> Lines:
    """Return the values of calls of `log` by the steps of their lines."""
    run = RunSteps(start, ResumedCount(session_in(Path())))
    for name, metric in step_metrics:
        run.define(name, metric)
    return [
        (counted if step is None else step, dict(values))
        for call in calls
        for values, step, counted in run.logged(*call)
    ]


def test_steps_count_as_in_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    a = {"a": 1.0}
    # A call without a step ends the row, unless commit is false; a call with a step ends it only if commit is true.
    calls = [(a, None, None), (a, None, False), (a, None, True), (a, 9, None), (a, None, False), (a, 9, True)]
    assert [step for step, _ in steps_of(*calls, (a, None, None), (a, 3, None), (a, None, None))] == [
        0, 1, 1, 9, 9, 9, 10, 3, 11,
    ]  # fmt: skip
    assert steps_of((a, None, None), start=80) == [(80, a)]


def test_a_step_metric_is_the_step_of_its_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert steps_of(
        ({"val/acc": 0.5}, None, None),  # before the first value of the step metric
        ({"val/acc": 0.6, "epoch": 3, "loss": 1}, None, None),
        ({"val/acc": 0.7}, 50, None),
        ({"val/acc": 0.8, "epoch": 3.5}, None, None),  # not an integer
        ({"val/best": 0.8, "own": 4.0}, None, None),
        step_metrics=(("val/*", "epoch"), ("val/best", "own")),
    ) == [
        (0, {"val/acc": 0.5}),
        (3, {"val/acc": 0.6, "epoch": 3}),
        (1, {"loss": 1}),
        (3, {"val/acc": 0.7}),
        (50, {"val/acc": 0.8, "epoch": 3.5}),
        (4, {"val/best": 0.8, "own": 4.0}),
    ]


@given(
    steps=st.lists(st.one_of(st.none(), st.integers(0, 99)), max_size=40),
    until=st.integers(-1, 41),
    name=st.sampled_from(["a", "b", None]),
    junk=st.booleans(),
)
def test_the_last_step_until_a_time_is_found_from_the_end(
    steps: list[int | None], until: int, name: str | None, junk: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("m") / "metrics.jsonl"
    rows = [(step, number, "ab"[number % 2]) for number, step in enumerate(steps)]
    path.write_bytes(
        b"".join(
            json.dumps({"step": step, "time": at, "attempt": 0, key: 1, "pad": "x" * 5000}).encode() + b"\n"
            for step, at, key in rows
        )
        + (b'{"step": 7, "ti' if junk else b"")
    )
    expected = [step for step, at, key in rows if step is not None and at <= until and name in (None, key)]
    found = metrics_tail.last_step(path, None if name is None else {name}, until)
    assert found == (expected[-1] if expected else None)


def test_forwarded_calls_are_marked_in_their_own_thread_only() -> None:
    seen = []
    with forwarding.forwarding(), forwarding.forwarding():
        thread = threading.Thread(target=lambda: seen.append(forwarding.is_forwarding()))
        thread.start()
        thread.join()
        seen.append(forwarding.is_forwarding())
    assert [*seen, forwarding.is_forwarding(), RANK.forwarding] == [False, True, False, {}]


def test_hyperparameters_of_several_libraries_are_merged_without_secrets(tmp_path: Path) -> None:
    session = session_in(tmp_path)
    found = Hyperparameters(session)
    found.add({"lr": 0.1, "nested": {"password": "0123456789abcdef"}})
    found.add({"lr": 0.2, "depth": 3})
    with forwarding.forwarding():
        found.add_on_main_rank({"forwarded": 1})
    expected = {"lr": 0.2, "nested": {"password": "[redacted]"}, "depth": 3}
    for file in (session.layout.hyperparameters, session.attempt.hyperparameters):
        assert json.loads(file.read_text()) == expected
