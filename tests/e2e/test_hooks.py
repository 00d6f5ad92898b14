"""The files that the hooks write into a run, under the installed command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.command import record_of, tsdia_run

SCRIPT = """\
import os, sys
import torch
from accelerate import Accelerator
accelerator = Accelerator(cpu=True, log_with="wandb")
accelerator.init_trackers("proj", config={"lr": 0.5})
model = accelerator.prepare(torch.nn.Linear(2, 3))
accelerator.log({"val_loss": 1.0, "loss": 2.0}, step=1)
for step in range(2, 5):
    accelerator.log({"loss": float("nan")}, step=step)
os.makedirs("runs/exp/checkpoint-2", exist_ok=True)
os.environ.get("TSDIA_RUN_CHECKPOINT") and open(os.environ["TSDIA_RUN_CHECKPOINT"] + "/state.json").read()
open("runs/exp/checkpoint-2/state.json", "w").write("{}")
accelerator.end_training()
print("variables", sorted(name for name in os.environ if name.startswith("WANDB_")), flush=True)
"""
OFFLINE = {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}


@pytest.fixture
def accelerated(project: Path) -> Path:
    (project / "train.py").write_text(SCRIPT)
    return project


def test_all_files_of_the_hooks_over_two_attempts(accelerated: Path) -> None:
    run_dir = accelerated / "runs/exp"
    done = tsdia_run("new", "config.yml", cwd=accelerated, env=OFFLINE)
    assert done.returncode == 0, done.stderr
    assert "✓ Validation metrics logged to trackers at step 1" in done.stdout
    assert "warning: loss is NaN since step 2" in done.stderr
    assert json.loads((run_dir / "hyperparameters.json").read_text()) == {"lr": 0.5}
    assert "9 parameters" in (run_dir / "model_summary.txt").read_text()
    record = record_of(run_dir)
    info = json.loads((run_dir / "wandb_info.json").read_text())
    assert info["run_id"] == record["wandb_id"] == record["run_id"]
    assert info["run_name"] == record["wandb_name"] == "exp"
    summary = json.loads((run_dir / ".tsdia/metrics.json").read_text())
    assert summary["series"]["loss"]["not_finite_since"]["step"] == 2
    assert json.loads((run_dir / "attempts/0/exit-rank0.json").read_text())["step"] == 4

    again = tsdia_run("resume", "runs/exp", "--again", cwd=accelerated, env=OFFLINE)
    assert again.returncode == 0, again.stderr
    assert "W&B already has the steps up to 4 and will drop the steps 3 to 4 (2 steps)" in again.stderr
    sync = re.search(r"wandb +wandb sync (.*)", again.stderr)
    assert sync
    folders = sync.group(1).split()
    assert len(folders) == 2
    assert all((accelerated / folder).is_dir() and folder.endswith(record["run_id"]) for folder in folders)
    assert folders == sorted(folders)
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    assert [line["attempt"] for line in lines] == [0] * 4 + [1] * 4


def test_without_hooks_the_script_is_still_one_wandb_run(accelerated: Path) -> None:
    done = tsdia_run("new", "config.yml", "--no-hooks", cwd=accelerated, env=OFFLINE)
    assert done.returncode == 0, done.stderr
    assert "'WANDB_RUN_ID'" in done.stdout
    assert "Validation" not in done.stdout
    run_dir = accelerated / "runs/exp"
    kept = {path.name for path in run_dir.iterdir()}
    assert kept == {".tsdia", "attempts", "checkpoint-2", "config.yml", "logs", "run.json", "wandb"}
    assert not (run_dir / "attempts/0/exit-rank0.json").exists()
    (offline,) = run_dir.glob("wandb/offline-run-*")
    assert offline.name.endswith(record_of(run_dir)["wandb_id"])


def test_a_user_with_another_wandb_directory_and_id(accelerated: Path) -> None:
    (accelerated / "elsewhere").mkdir()
    env = {**OFFLINE, "WANDB_RUN_ID": "sweep1", "WANDB_DIR": str(accelerated / "elsewhere")}
    done = tsdia_run("new", "config.yml", cwd=accelerated, env=env)
    assert done.returncode == 0, done.stderr
    assert record_of(accelerated / "runs/exp")["wandb_id"] == "sweep1"
    assert re.search(r"wandb sync elsewhere/wandb/offline-run-\S+-sweep1", done.stderr)


def test_one_hook_can_be_switched_off(accelerated: Path) -> None:
    config = accelerated / "config.yml"
    config.write_text(config.read_text() + "  hooks: {metrics: false, trackers: false}\n")
    assert tsdia_run("new", "config.yml", cwd=accelerated, env=OFFLINE).returncode == 0
    names = {path.name for path in (accelerated / "runs/exp").iterdir()}
    assert "metrics.jsonl" not in names
    assert "wandb_info.json" not in names
    assert "hyperparameters.json" in names


def test_a_broken_hook_is_one_warning_and_the_training_continues(accelerated: Path) -> None:
    broken = SCRIPT.replace("accelerator = ", "os.makedirs('runs/exp/metrics.jsonl')\naccelerator = ", 1)
    (accelerated / "train.py").write_text(broken)
    done = tsdia_run("new", "config.yml", cwd=accelerated, env=OFFLINE)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("warning: the metrics hook failed: IsADirectoryError") == 1


def test_a_program_that_is_not_python_gets_the_wandb_run_from_its_environment(project: Path) -> None:
    program = project / "train.sh"
    program.write_text("#!/bin/sh\necho $WANDB_RUN_ID $WANDB_RESUME\n")
    program.chmod(0o755)
    done = tsdia_run("new", "config.yml", "--entrypoint", "./train.sh", cwd=project)
    assert done.stdout == f"{record_of(project / 'runs/exp')['wandb_id']} allow\n"


def test_the_closing_card_names_no_incomplete_checkpoint_to_resume_from(project: Path) -> None:
    (project / "train.py").write_text("import os\nos.makedirs('runs/exp/checkpoint-2')\nraise SystemExit(1)\n")
    done = tsdia_run("new", "config.yml", cwd=project)
    assert "1, none complete" in done.stderr
    assert "tsdia-run resume" not in done.stderr
