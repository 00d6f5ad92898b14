"""Comparisons of runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pytest

from tests.support.runs import full_run, log_metrics, make_run
from tsdia_run.errors import UsageError
from tsdia_run.report.comparing import ComparisonTable, compare, side
from tsdia_run.report.configs import differing, shortened, values
from tsdia_run.report.names import distinct
from tsdia_run.report.status import look
from tsdia_run.rundir.record import State

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=timezone.utc)


def tables(*run_dirs: Path, metric: str | None = None) -> dict[str, ComparisonTable]:
    sides = [side(look(path), name) for path, name in zip(run_dirs, distinct(run_dirs), strict=True)]
    return {table.title: table for table in compare(sides, metric, NOW)}


def row(table: ComparisonTable, name: str) -> Sequence[str]:
    return next(cells[1:] for cells in table.rows if cells[0] == name)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Make two runs that differ in a bit of everything."""
    first, second = (full_run(tmp_path / name).layout for name in ("a", "b"))
    attempt = second.attempt(1)
    attempt.config.write_text("training: {lr: 0.2, epochs: 3, warmup: 5, checkpoint: {save_dir: runs/exp}}\n")
    attempt.git.write_text(json.dumps({"commit": "f" * 40, "branch": "other"}))
    attempt.patch.write_text("--- a/x\n+++ b/x\n+one\n+two\n-three\n")
    attempt.environment.write_text(json.dumps({"python": "3.12.1", "host": "node2", "packages": {"torch": "2.14.0"}}))
    return first.root, second.root


def test_only_the_keys_that_differ(pair: tuple[Path, Path]) -> None:
    config = tables(*pair)["config"]
    assert config.columns == ("key", "a", "b")
    assert set(config.rows) == {("training.lr", "0.0001", "0.2"), ("training.warmup", "-", "5")}


def test_code(pair: tuple[Path, Path]) -> None:
    code = tables(*pair)["code"]
    assert row(code, "commit") == ("0123456789 on main, with changes", "ffffffffff on other")
    assert [text.split(",")[0] for text in row(code, "changes")] == ["2 lines", "3 lines"]
    assert code.note == f"git diff {'0123456789' * 4} {'f' * 40}"


def test_environment(pair: tuple[Path, Path]) -> None:
    environment = tables(*pair)["environment"]
    assert row(environment, "python") == ("3.11.7", "3.12.1")
    assert row(environment, "machine") == ("node1", "node2")
    assert row(environment, "gpus") == ("2 × A100", "-")
    assert row(environment, "torch") == ("2.13.0", "2.14.0")
    assert row(environment, "numpy") == ("2.1", "-")


def test_equal_values_are_left_out(tmp_path: Path) -> None:
    found = tables(*(full_run(tmp_path / name).layout.root for name in ("a", "b")))
    assert list(found) == ["runs", "metrics", "val/loss over steps 0 to 5"]


def test_paths_inside_the_run_directories_count_as_equal(tmp_path: Path) -> None:
    made = [full_run(tmp_path / name).layout for name in ("a", "b")]
    for layout in made:
        layout.attempt(1).config.write_text(
            f"save_dir: {layout.root}\nlog: {layout.root}/x\ndata: /data/{layout.root.name}\n"
        )
    assert tables(*(layout.root for layout in made))["config"].rows == (("data", "/data/a", "/data/b"),)


def test_metrics_last_and_best(tmp_path: Path) -> None:
    made = [make_run(tmp_path / name) for name in ("a", "b")]
    log_metrics(made[0].layout, 0, range(4), lambda step: abs(step - 2.0))
    log_metrics(made[1].layout, 0, range(2), lambda _: float("nan"))
    metrics = tables(tmp_path / "a", tmp_path / "b")["metrics"]
    assert row(metrics, "val/loss") == ("1 @3, best 0 @2", "NaN @1")
    assert row(metrics, "train/lr") == ("0.1 @3", "0.1 @1")


def test_superseded_metrics_are_left_out(tmp_path: Path) -> None:
    made = make_run(tmp_path / "a", State.FAILED, State.COMPLETED)
    make_run(tmp_path / "b")
    log_metrics(made.layout, 0, range(9), lambda _: 0.0)
    log_metrics(made.layout, 1, range(3), lambda _: 1.0)
    assert row(tables(tmp_path / "a", tmp_path / "b")["metrics"], "val/loss") == ("1 @2, best 1 @0", "-")


def test_curves_are_aligned_over_the_same_steps(tmp_path: Path) -> None:
    made = [make_run(tmp_path / name) for name in ("a", "b", "c")]
    log_metrics(made[0].layout, 0, range(8), lambda step: 7.0 - step)
    log_metrics(made[1].layout, 0, range(4, 8), lambda _: 7.0)
    found = tables(*(tmp_path / name for name in "abc"))
    curves = found["val/loss over steps 0 to 7"]
    assert curves.rows == (("a", "█▇▆▅▄▃▂▁"), ("b", "    ████"))


def test_the_metric_of_the_curves(tmp_path: Path) -> None:
    made = [make_run(tmp_path / name) for name in ("a", "b")]
    log_metrics(made[1].layout, 0, range(3))
    assert "train/lr over steps 0 to 2" in tables(tmp_path / "a", tmp_path / "b", metric="train/lr")
    with pytest.raises(UsageError, match="no run has the metric 'val/los'; did you mean val/loss"):
        tables(tmp_path / "a", tmp_path / "b", metric="val/los")


def test_runs_without_any_data(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_run(tmp_path / name)
    assert list(tables(tmp_path / "a", tmp_path / "b")) == ["runs"]


def test_a_string_differs_from_a_number(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text('seed: "5"\nlr: 1e-4\nname: für\n')
    (tmp_path / "b.yml").write_text("seed: 5\nlr: 1.0e-4\nname: für\n")
    found = differing([values(tmp_path / "a.yml"), values(tmp_path / "b.yml")])
    assert found == {"seed": ['"5"', "5"], "lr": ['"1e-4"', "0.0001"]}


def test_long_strings_that_differ_at_their_ends_look_different(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(f"path: /{'x' * 200}/a\n")
    (tmp_path / "b.yml").write_text(f"path: /{'x' * 200}/b\n")
    (texts,) = differing([values(tmp_path / "a.yml"), values(tmp_path / "b.yml")]).values()
    first, second = shortened([str(text) for text in texts])
    assert (first[-2:], second[-2:]) == ("/a", "/b")
    assert len(first) < 61
    assert shortened(["y" * 99]) == ["y" * 59 + "…"]


def test_runs_with_the_same_name_have_their_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = [make_run(tmp_path / place / "exp").layout.root for place in ("one", "two")]
    assert tables(*paths)["runs"].columns == ("", "one/exp", "two/exp")
