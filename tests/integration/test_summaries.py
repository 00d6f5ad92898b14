"""hyperparameters.json and model_summary.txt of real models and a real Accelerator."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.support.command import environment
from tsdia_run.launch.command import BOOTSTRAP
from tsdia_run.training.hooks.hyperparameters import plain
from tsdia_run.training.hooks.model_summary import summary


def test_each_module_is_listed_with_its_parameters_and_the_totals_of_the_model() -> None:
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 3), nn.Dropout(0.1))
    model[0].weight.requires_grad_(False)
    text = summary(model)
    assert [line.split() for line in text.splitlines()] == [
        ["module", "parameters", "trainable", "type"],
        ["Sequential", "55", "15", "float32"],
        ["├─", "0:", "Embedding(10,", "4)", "40", "float32"],
        ["├─", "1:", "Linear(in_features=4,", "out_features=3,", "bias=True)", "15", "15", "float32"],
        ["└─", "2:", "Dropout(p=0.1,", "inplace=False)"],
        [],
        ["55", "parameters:", "15", "trainable,", "40", "frozen"],
    ]


def test_shared_parameters_count_once() -> None:
    model = nn.ModuleDict({"inner": nn.Embedding(7, 5), "head": nn.Linear(5, 7, bias=False)})
    model["head"].weight = model["inner"].weight
    assert "35 parameters: 35 trainable, 0 frozen" in summary(model)


def test_many_equal_layers_are_one_line() -> None:
    model = nn.Sequential(*[nn.Linear(8, 8) for _ in range(12)], nn.Linear(8, 2))
    text = summary(model)
    assert "0 to 11: 12 x Linear(in_features=8, out_features=8, bias=True), each" in text
    assert len(text.splitlines()) == 6
    assert "882 parameters" in text


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_the_summary_needs_no_weights() -> None:
    with torch.device("meta"):
        model = nn.Linear(100_000, 100_000)
    assert "10,000,100,000 parameters" in summary(model)
    lazy = nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 1))
    assert "2 parameters have no shape before the first forward pass" in summary(lazy)


def test_types_and_buffers_are_named() -> None:
    model = nn.Sequential(nn.Linear(2, 2).to(torch.bfloat16), nn.BatchNorm1d(2))
    text = summary(model)
    assert "bfloat16, float32" in text.splitlines()[1]
    assert "5 numbers in buffers" in text


def test_hyperparameters_of_any_type_become_json() -> None:
    values: dict[Any, Any] = {
        "rate": float("nan"),
        "path": Path("a/b"),
        3: (1, {2}),
        "args": argparse.Namespace(lr=0.1, nested=argparse.Namespace(a=None)),
        "type": torch.float32,
        "call": print,
    }
    assert json.loads(json.dumps(plain(values), allow_nan=False)) == {
        "rate": "nan",
        "path": "a/b",
        "3": [1, [2]],
        "args": {"lr": 0.1, "nested": {"a": None}},
        "type": "torch.float32",
        "call": str(print),
    }
    circle: dict[str, Any] = {}
    circle["itself"] = circle
    json.dumps(plain(circle))


SCRIPT = """\
import sys, torch
from pathlib import Path
from accelerate import Accelerator
for name in sys.argv[1:]:
    Path(sys.argv[0]).with_name("run").joinpath(name).write_text("the script's own")
accelerator = Accelerator(cpu=True)
accelerator.init_trackers("x", config={"lr": 0.1, "names": ["a", "b"]})
accelerator.prepare(torch.nn.Linear(2, 3))
model, optimizer = accelerator.prepare(torch.nn.Linear(4, 5), torch.optim.SGD([torch.zeros(1)], lr=0.1))
"""


@pytest.fixture
def run(tmp_path: Path) -> Any:
    (tmp_path / "train.py").write_text(SCRIPT)

    def run_attempt(number: int, *own: str, script: str = "train.py") -> Path:
        run_dir = tmp_path / "run"
        (run_dir / "attempts" / str(number)).mkdir(parents=True)
        variables = {
            "TSDIA_RUN_DIR": str(run_dir),
            "TSDIA_RUN_ATTEMPT": str(number),
            "TSDIA_RUN_HOOKS": "summaries",
        }
        argv = [sys.executable, str(BOOTSTRAP), str(tmp_path / script), *own]
        ended = subprocess.run(argv, env={**environment(), **variables}, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
        return run_dir

    return run_attempt


def test_a_script_that_writes_neither_gets_both(run: Any, tmp_path: Path) -> None:
    run_dir = run(0)
    assert json.loads((run_dir / "hyperparameters.json").read_text()) == {"lr": 0.1, "names": ["a", "b"]}
    models = (run_dir / "model_summary.txt").read_text()
    assert "9 parameters" in models
    assert "25 parameters" in models
    (tmp_path / "train.py").write_text(SCRIPT.replace("0.1", "0.2"))
    run(1)
    assert json.loads((run_dir / "hyperparameters.json").read_text())["lr"] == 0.2
    assert json.loads((run_dir / "attempts/0/hyperparameters.json").read_text())["lr"] == 0.1
    assert json.loads((run_dir / "attempts/1/hyperparameters.json").read_text())["lr"] == 0.2


def test_files_that_the_script_wrote_are_kept(run: Any) -> None:
    run_dir = run(0, "hyperparameters.json", "model_summary.txt")
    assert (run_dir / "hyperparameters.json").read_text() == "the script's own"
    assert (run_dir / "model_summary.txt").read_text() == "the script's own"
    assert "25 parameters" in (run_dir / "attempts/0/model_summary.txt").read_text()
