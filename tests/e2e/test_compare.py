"""`tsdia-run compare` as a user types it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.support.command import tsdia_run
from tests.support.runs import full_run, log_metrics, make_run
from tests.support.terminal import shown

SCRIPT = """\
import json, os, sys, time
import yaml
config = yaml.safe_load(open(sys.argv[2]))
for step in range(4):
    with open(os.environ["TSDIA_RUN_DIR"] + "/metrics.jsonl", "a") as file:
        line = {"step": step, "time": time.time(), "attempt": 0, "val_loss": config["training"]["epochs"] / (1 + step)}
        file.write(json.dumps(line) + "\\n")
"""


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """Make two runs that differ in one key."""
    for name, rate in (("a", "0.1"), ("b", "0.2")):
        layout = full_run(tmp_path / "runs" / name).layout
        layout.attempt(1).config.write_text(f"training: {{lr: {rate}, note: 'x | y'}}\n")
    return tmp_path


def test_two_real_runs(project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    assert tsdia_run("new", "config.yml", "-q", cwd=project).returncode == 0
    other = tsdia_run("new", "config.yml", "--name", "b", "--set", "training.epochs=6", "-q", cwd=project)
    assert other.returncode == 0, other.stderr
    done = tsdia_run("compare", "exp", "b", cwd=project)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["training.epochs", "3", "6"] in lines
    assert ["val_loss", "0.75", "@3,", "best", "0.75", "@3", "1.5", "@3,", "best", "1.5", "@3"] in lines
    assert not [line for line in lines if line and line[0].startswith("training.checkpoint")]
    assert "val_loss over steps 0 to 3" in done.stdout


def test_formats(pair: Path) -> None:
    data = json.loads(tsdia_run("compare", "a", "b", "--json", cwd=pair).stdout)
    assert data["schema"] == 1
    assert data["runs"] == {name: str(pair / "runs" / name) for name in "ab"}
    config = next(table for table in data["tables"] if table["title"] == "config")
    assert config["rows"] == [["training.lr", "0.1", "0.2"]]
    rows = list(csv.reader(io.StringIO(tsdia_run("compare", "a", "b", "--csv", cwd=pair).stdout)))
    assert ["config", "training.lr", "0.1", "0.2"] in rows
    markdown = tsdia_run("compare", "a", "b", "--md", cwd=pair).stdout
    assert "| key | a | b |\n| --- | --- | --- |\n| training.lr | 0.1 | 0.2 |\n" in markdown


def test_markdown_keeps_its_columns(pair: Path) -> None:
    layout = make_run(pair / "runs" / "c").layout
    layout.config.write_text('training: {lr: 0.1, note: "x | y\\nz"}\n')
    lines = tsdia_run("compare", "a", "c", "--md", cwd=pair).stdout.splitlines()
    note = next(line for line in lines if line.startswith("| training.note"))
    assert note == "| training.note | x \\| y | x \\| y\\nz |"


def test_colours_only_on_request(pair: Path) -> None:
    assert "\x1b[1mconfig" in shown("compare", "a", "b", cwd=pair)
    assert "\x1b" not in shown("compare", "a", "b", cwd=pair, env={"NO_COLOR": "1"})
    assert "\x1b" not in tsdia_run("compare", "a", "b", cwd=pair).stdout


def test_the_readable_part_of_a_damaged_run_is_compared(pair: Path) -> None:
    (pair / "runs" / "b" / "run.json").write_text("{")
    done = tsdia_run("compare", "a", "runs/b", cwd=pair)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert ["state", "failed", "damaged"] in [line.split() for line in done.stdout.splitlines()]


def test_metric(pair: Path) -> None:
    log_metrics(make_run(pair / "runs" / "c").layout, 0, range(3))
    assert "train/lr over steps" in tsdia_run("compare", "a", "c", "--metric", "train/lr", cwd=pair).stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["a"], 2, "compare needs at least two runs"),
        (["a", "a"], 2, "a is given twice"),
        (["a", "nothing"], 66, "no run 'nothing'"),
        (["a", "b", "--metric", "val/los"], 2, "did you mean val/loss"),
    ],
)
def test_invalid_arguments(pair: Path, words: list[str], code: int, said: str) -> None:
    done = tsdia_run("compare", *words, cwd=pair)
    assert done.returncode == code
    assert said in done.stderr
