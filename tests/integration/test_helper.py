"""The helper in real scripts, with and without tsdia-run, with one rank and with two."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import COMMAND, environment, record_of, tsdia_run
from tests.support.slow import slow
from tsdia_run.checkpoints import Soundness, judge

CONFIG = """\
training:
  checkpoint: {save_dir: runs/exp, resume: null, save_total_limit: 2}
  validation: {metric_for_best_model: val_loss, greater_is_better: false}
tsdia_run:
  env: {ACCELERATE_USE_CPU: "true"}
"""
SCRIPT = """\
import sys
import torch
from accelerate import Accelerator
import tsdia_run
run = tsdia_run.current_run("config.yml")
accelerator = Accelerator(cpu=True)
torch.manual_seed(0)
model = torch.nn.Linear(3, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
model, optimizer = accelerator.prepare(model, optimizer)
if accelerator.is_main_process:
    run.save_hyperparameters({"lr": 0.1})
    run.save_model_summary(accelerator.unwrap_model(model))
resumed = run.resume(accelerator)
step = resumed.step if resumed else 0
accelerator.print("from", resumed)
losses = [3.0, 1.0, 2.0, 4.0, 5.0]
while step < min(5, int(sys.argv[-1])):
    step += 1
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    run.log_validation(accelerator, {"loss": losses[step - 1]}, step=step)
    run.save_checkpoint(accelerator, epoch=0, step=step, metrics={"val_loss": losses[step - 1]})
accelerator.print("weights", float(accelerator.unwrap_model(model).weight.sum()))
accelerator.print("name", run.name, run.attempt, run.config["training"]["checkpoint"]["save_total_limit"])
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "config.yml").write_text(CONFIG)
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


def kept(run_dir: Path) -> list[str]:
    return sorted(path.name for path in run_dir.iterdir() if "checkpoint" in path.name)


@pytest.mark.parametrize("ranks", [*slow(1), 2])
def test_saves_keep_the_best_and_the_newest_and_a_resume_continues(project: Path, ranks: int) -> None:
    words = ["--num-processes", str(ranks)]
    uninterrupted = tsdia_run(
        "new", "config.yml", *words, "--run-dir", "runs/uninterrupted", "--", "5", cwd=project, limit_s=120
    )
    assert uninterrupted.returncode == 0, uninterrupted.stderr
    done = tsdia_run("new", "config.yml", *words, "--", "3", cwd=project, limit_s=120)
    assert done.returncode == 0, done.stderr
    run_dir = project / "runs/exp"
    assert kept(run_dir) == ["best_checkpoint", "checkpoint-epoch0-step2", "checkpoint-epoch0-step3"]
    assert (run_dir / "best_checkpoint").readlink() == Path("checkpoint-epoch0-step2")
    verdict = judge(run_dir / "checkpoint-epoch0-step3")
    assert verdict.state is Soundness.COMPLETE
    assert verdict.manifest is not None
    assert (verdict.manifest.step, verdict.manifest.epoch, verdict.manifest.world_size) == (3, 0, ranks)
    assert json.loads((run_dir / "hyperparameters.json").read_text()) == {"lr": 0.1}
    assert "12 parameters" in (run_dir / "model_summary.txt").read_text()

    resumed = tsdia_run("resume", "runs/exp", "--again", "--", "5", cwd=project, limit_s=120)
    assert resumed.returncode == 0, resumed.stderr
    assert "from Resumed(epoch=0, step=3)" in resumed.stdout
    assert "name exp 1 2" in resumed.stdout
    kept_now = ["best_checkpoint", *(f"checkpoint-epoch0-step{step}" for step in (2, 4, 5))]
    assert kept(run_dir) == kept_now

    def weights(text: str) -> str:
        return next(line for line in text.splitlines() if line.startswith("weights"))

    assert weights(resumed.stdout) == weights(uninterrupted.stdout)


def test_the_helper_does_the_same_without_tsdia_run(project: Path) -> None:
    def train(steps: int) -> str:
        return subprocess.run(
            [sys.executable, "train.py", str(steps)],
            cwd=project,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert "from None" in train(3)
    run_dir = project / "runs/exp"
    assert kept(run_dir) == ["best_checkpoint", "checkpoint-epoch0-step2", "checkpoint-epoch0-step3"]
    assert judge(run_dir / "checkpoint-epoch0-step3").state is Soundness.COMPLETE
    config = project / "config.yml"
    config.write_text(CONFIG.replace("resume: null", "resume: runs/exp/checkpoint-epoch0-step3"))
    assert "from Resumed(epoch=0, step=3)" in train(4)


def test_an_incomplete_checkpoint_is_not_loaded(project: Path) -> None:
    assert tsdia_run("new", "config.yml", "--", "2", cwd=project, limit_s=120).returncode == 0
    checkpoint = project / "runs/exp/checkpoint-epoch0-step2"
    (checkpoint / "model.safetensors").write_bytes(b"")
    config = project / "config.yml"
    config.write_text(CONFIG.replace("resume: null", "resume: runs/exp/checkpoint-epoch0-step2"))
    ended = subprocess.run(
        [sys.executable, "train.py", "3"], cwd=project, env=environment(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "UnusableCheckpointError" in ended.stderr
    assert "model.safetensors" in ended.stderr.splitlines()[-1]


NO_KEYS = """\
training: {validation: {metric_for_best_model: val_loss}}
other: {save_total_limit: 2}
tsdia_run: {env: {ACCELERATE_USE_CPU: "true"}}
"""


def test_a_script_that_uses_the_helper_needs_no_resume_key(project: Path) -> None:
    (project / "config.yml").write_text(NO_KEYS)
    (project / "train.py").write_text(SCRIPT.replace('["training"]["checkpoint"]', '["other"]'))
    done = tsdia_run("new", "config.yml", "--run-dir", "runs/exp", "--", "2", cwd=project, limit_s=120)
    assert done.returncode == 0, done.stderr
    resumed = tsdia_run("resume", "runs/exp", "--again", "--", "3", cwd=project, limit_s=120)
    assert resumed.returncode == 0, resumed.stderr
    assert "from Resumed(epoch=0, step=2)" in resumed.stdout


STOPPING = """\
import sys, time
import tsdia_run
from accelerate import Accelerator
run = tsdia_run.current_run()
accelerator = Accelerator(cpu=True)
steps = 0
while not run.stop_requested:
    if steps == 0:
        accelerator.print("ready", flush=True)
    steps += 1
    time.sleep(0.02)
sys.stdout.write(f"stopped after the request {accelerator.process_index}\\n")  # one write: the ranks share the pipe
sys.stdout.flush()
accelerator.wait_for_everyone()
"""


@pytest.mark.parametrize("ranks", [1, *slow(2)])
def test_a_script_that_reads_stop_requested_ends_on_its_own(project: Path, ranks: int) -> None:
    (project / "train.py").write_text(STOPPING)
    with subprocess.Popen(
        [COMMAND, "new", "config.yml", "--num-processes", str(ranks)],
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout
        while "ready" not in running.stdout.readline():
            assert running.poll() is None
        running.send_signal(signal.SIGTERM)
        stdout, stderr = running.communicate(timeout=60)
    assert running.returncode == -signal.SIGTERM
    assert {f"stopped after the request {rank}" for rank in range(ranks)} <= set(stdout.splitlines()), stderr
    (attempt,) = record_of(project / "runs/exp")["attempts"]
    assert attempt["state"] == "stopped"
    request = json.loads((project / "runs/exp/attempts/0/stop.json").read_text())
    assert request["signal"] == "SIGTERM"
