"""metrics.jsonl and hyperparameters.json of scripts that log with W&B, TensorBoard, MLflow and transformers."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import environment
from tests.support.zygote import Zygote
from tsdia_run.launch.command import BOOTSTRAP, RANKS_LAUNCHER
from tsdia_run.rundir import summary_file
from tsdia_run.rundir.layout import RunLayout

OWN_KEYS = ("time", "attempt")
# A key, and a fixed text of the shape of a Hugging Face token.
SECRETS = ("0123456789abcdef", "hf_" + "a1B2c3D4e5F6g7H8" * 2 + "iJ")


class Run:
    """A run directory whose attempts contain only the files that the hooks read."""

    def __init__(self, folder: Path, trainings: Zygote) -> None:
        self.folder = folder
        self.root = folder / "run"
        self._trainings = trainings

    def attempt(self, body: str, number: int = 0, *, ranks: int = 1, checkpoint: Path | None = None) -> str:
        """Run a script as an attempt, and return its standard error."""
        (self.root / "attempts" / str(number)).mkdir(parents=True)
        script = self.folder / "train.py"
        script.write_text(body)
        variables = {
            "TSDIA_RUN_ID": "run1",
            "TSDIA_RUN_DIR": str(self.root),
            "TSDIA_RUN_ATTEMPT": str(number),
            "TSDIA_RUN_HOOKS": "trackers,metrics,summaries",
            "ACCELERATE_USE_CPU": "true",
            "WANDB_MODE": "offline",
            "WANDB_SILENT": "true",
            "MLFLOW_TRACKING_URI": f"{self.folder}/mlruns",  # creating a database takes seconds
            "MLFLOW_ALLOW_FILE_STORE": "true",
            "HOME": str(self.folder),
        }
        if checkpoint is not None:
            variables["TSDIA_RUN_CHECKPOINT"] = str(checkpoint)
        env = {**environment(), **variables}
        if ranks > 1:
            flags = ["--multi_gpu", "--num_processes", str(ranks), "--main_process_port", "0"]
            argv = [sys.executable, str(RANKS_LAUNCHER), *flags, str(BOOTSTRAP), str(script)]
            done = subprocess.run(
                argv, env=env, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False
            )
            assert done.returncode == 0, done.stderr
            return done.stderr
        ended = self._trainings.run(str(script), cwd=self.folder, env=env)
        assert ended.code == 0, ended.err
        return ended.err

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of metrics.jsonl without their times and attempts."""
        found = [json.loads(line) for line in (self.root / "metrics.jsonl").read_text().splitlines()]
        return [{name: value for name, value in one.items() if name not in OWN_KEYS} for one in found]

    def hyperparameters(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / "hyperparameters.json").read_text())
        return found


@pytest.fixture
def run(tmp_path: Path, trainings: Zygote) -> Run:
    return Run(tmp_path, trainings)


WANDB = f"""\
import argparse, torch, wandb
run = wandb.init(config={{"lr": 0.1, "nested": {{"sizes": [1, 2]}}, "api_key": "{SECRETS[0]}"}})
wandb.config.update(argparse.Namespace(seed=3))
run.config["depth"] = 4
run.config.width = 5
wandb.log({{"loss": 1.0, "n": {{"a": 1, "b": {{"c": 2}}}}, "image": wandb.Histogram([1, 2]), "text": "no"}})
run.log({{"a": 1}}, commit=False)
wandb.log({{"b": torch.tensor(2.0)}})
run.log({{"loss": 0.5}}, step=10)
wandb.log({{"loss": float("nan")}})
wandb.define_metric("epoch")
wandb.define_metric("val/*", step_metric="epoch")
wandb.log({{"val/acc": 0.5, "epoch": 3, "loss": 0.25}})
wandb.log({{"val/acc": 0.6}})
run.finish()
"""


def test_wandb_log_has_the_steps_of_the_script_and_else_those_of_wandb(run: Run) -> None:
    assert "hook failed" not in run.attempt(WANDB)
    assert run.lines() == [
        {"step": 0, "loss": 1.0, "n.a": 1, "n.b.c": 2},
        {"step": 1, "a": 1},
        {"step": 1, "b": 2.0},
        {"step": 10, "loss": 0.5},
        {"step": 10, "loss": "NaN"},
        {"step": 3, "val/acc": 0.5, "epoch": 3},
        {"step": 11, "loss": 0.25},
        {"step": 3, "val/acc": 0.6},
    ]
    assert run.hyperparameters() == {
        "lr": 0.1, "nested": {"sizes": [1, 2]}, "api_key": "[redacted]", "seed": 3, "depth": 4, "width": 5,
    }  # fmt: skip


WRITERS = f"""\
import sys, torch
from tensorboardX import SummaryWriter as SummaryWriterX
from torch.utils.tensorboard import SummaryWriter
train, val, other = SummaryWriter("tb/train"), SummaryWriter("tb/val"), SummaryWriterX("tbx")
for step in range(2):
    train.add_scalar("loss", torch.tensor(step + 0.5), step)
    val.add_scalar("loss", step + 0.7, step)
    other.add_scalar("loss", step + 0.5, global_step=step)
    other.add_scalar("other", 7, step)
    train.add_scalars("group", {{"a": step, "b": 2.0}}, step)
train.add_hparams({{"lr": 0.1, "token": "{SECRETS[1]}"}}, {{"hparam/acc": 0.9}})
other.add_hparams({{"depth": 2}}, {{"hparam/x": 1.5}}, global_step=3)
val.add_scalar("no_step", 1)
try:
    val.add_scalar("no_number", object(), 1)
except Exception:
    print("as without hooks", file=sys.stderr)
for one in (train, val, other):
    one.close()
"""


def test_writers_of_torch_and_tensorboardx_count_each_value_once(run: Run) -> None:
    err = run.attempt(WRITERS)
    assert "hook failed" not in err
    assert "as without hooks" in err
    expected = [
        line
        for step in range(2)
        for line in (
            {"step": step, "loss": step + 0.5},
            {"step": step, "val/loss": step + 0.7},
            {"step": step, "other": 7},
            {"step": step, "group/a": step, "group/b": 2.0},
        )
    ]
    assert run.lines() == [
        *expected,
        {"step": None, "hparam/acc": 0.9},
        {"step": 3, "hparam/x": 1.5},
        {"step": None, "no_step": 1},
    ]
    assert run.hyperparameters() == {"lr": 0.1, "token": "[redacted]", "depth": 2}


MLFLOW = """\
import mlflow
from mlflow import MlflowClient, log_metric
from mlflow.entities import Metric, Param
with mlflow.start_run() as run:
    mlflow.log_params({"lr": 0.1, "deep": True})
    mlflow.log_param("optimizer", "adam")
    for step in range(2):
        mlflow.log_metric("loss", step + 0.5, step=step)
        mlflow.log_metrics({"a": step, "b": 2.0}, step=step)
    log_metric("final", 3.5)
    client = MlflowClient()
    client.log_metric(run.info.run_id, "client", 1.0, step=7)
    client.log_metric(run_id=run.info.run_id, key="client", value=2.0)
    client.log_batch(run.info.run_id, metrics=[Metric("m", 1, 0, 5), Metric("m", 2, 0, 6)], params=[Param("p", "x")])
"""


def test_mlflow_functions_and_its_client_count_once(run: Run) -> None:
    assert "hook failed" not in run.attempt(MLFLOW)
    assert run.lines() == [
        {"step": 0, "loss": 0.5},
        {"step": 0, "a": 0, "b": 2.0},
        {"step": 1, "loss": 1.5},
        {"step": 1, "a": 1, "b": 2.0},
        {"step": None, "final": 3.5},
        {"step": 7, "client": 1.0},
        {"step": None, "client": 2.0},
        {"step": 5, "m": 1},
        {"step": 6, "m": 2},
    ]
    assert run.hyperparameters() == {"lr": 0.1, "deep": True, "optimizer": "adam", "p": "x"}


SEVERAL = """\
import wandb
from accelerate import Accelerator
from torch.utils.tensorboard import SummaryWriter
accelerator = Accelerator(cpu=True, log_with=["wandb", "tensorboard"], project_dir="tb")
accelerator.init_trackers("p", config={"lr": 0.1}, init_kwargs={"wandb": {"sync_tensorboard": True}})
writer = SummaryWriter("own")
for step in range(2):
    accelerator.log({"loss": step + 0.5, "lr": 0.1}, step=step)
    writer.add_scalar("loss", step + 0.5, step)
    writer.add_scalar("mine", step, step)
    wandb.log({"loss": step + 0.5, "lr": 0.1, "w": 1.0})
writer.close()
accelerator.end_training()
"""


def test_what_accelerate_forwards_and_what_two_libraries_get_counts_once(run: Run) -> None:
    assert "hook failed" not in run.attempt(SEVERAL)
    assert run.lines() == [
        line
        for step in range(2)
        # The forwarded call has a step, which W&B continues from.
        for line in (
            {"step": step, "loss": step + 0.5, "lr": 0.1},
            {"step": step, "mine": step},
            {"step": step, "w": 1.0},
        )
    ]
    assert run.hyperparameters() == {"lr": 0.1}


TRAINER = """\
import os, sys
import torch
import wandb
from transformers import Trainer, TrainerCallback, TrainingArguments

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
    def forward(self, inputs, labels):
        logits = self.layer(inputs)
        return {"loss": torch.nn.functional.mse_loss(logits, labels), "logits": logits}

class Own(TrainerCallback):
    def on_log(self, args, state, control, logs=None, **_):
        if "loss" in logs:
            wandb.log({**logs, "own": 42})

torch.manual_seed(0)
data = [{"inputs": torch.randn(4), "labels": torch.randn(1)} for _ in range(8)]
args = TrainingArguments(
    os.environ["TSDIA_RUN_DIR"], use_cpu=True, report_to=["wandb", "tensorboard"], disable_tqdm=True, max_steps=STEPS,
    save_steps=2, logging_steps=1, eval_strategy="steps", eval_steps=2, load_best_model_at_end=True,
    learning_rate=0.1, per_device_train_batch_size=4, hub_token="SECRET",
)
trainer = Trainer(Model(), args, train_dataset=data, eval_dataset=data, callbacks=[Own()])
trainer.train(resume_from_checkpoint=os.environ.get("TSDIA_RUN_CHECKPOINT"))
with open("history.json", "w") as file:
    file.write(__import__("json").dumps(trainer.state.log_history))
wandb.finish()
""".replace("SECRET", SECRETS[1])


def test_the_log_history_of_a_trainer_counts_once_whatever_it_reports_to(run: Run) -> None:
    pytest.importorskip("transformers")
    assert "hook failed" not in run.attempt(TRAINER.replace("STEPS", "4"))
    history = json.loads((run.folder / "history.json").read_text())
    lines = run.lines()
    assert [line for line in lines if "own" not in line] == history
    # The callback for W&B defines the Trainer's step as the step metric of all metrics.
    assert [line for line in lines if "own" in line] == [{"step": step, "own": 42} for step in (1, 2, 3, 4)]
    shown = run.hyperparameters()
    assert (shown["learning_rate"], shown["max_steps"]) == (0.1, 4)
    assert SECRETS[1] not in json.dumps(shown)
    assert "model/num_parameters" not in shown  # W&B's callback adds it


RANKS = """\
import torch.distributed as dist
from torch.utils.tensorboard import SummaryWriter
dist.init_process_group("gloo")
writer = SummaryWriter(f"tb/{dist.get_rank()}")
for step in range(3):
    writer.add_scalar("loss", dist.get_rank(), step)
writer.add_hparams({"rank": dist.get_rank()}, {})
dist.barrier()
"""


def test_only_the_main_of_two_ranks_writes(run: Run) -> None:
    run.attempt(RANKS, ranks=2)
    assert run.lines() == [{"step": step, "loss": 0} for step in range(3)]
    assert run.hyperparameters() == {"rank": 0}


BROKEN = """\
import os, sys
from torch.utils.tensorboard import SummaryWriter
os.remove(os.environ["TSDIA_RUN_DIR"] + "/metrics.jsonl")
os.mkdir(os.environ["TSDIA_RUN_DIR"] + "/metrics.jsonl")
writer = SummaryWriter("tb")
for step in range(3):
    writer.add_scalar("loss", 1.0, step)
writer.close()
"""


def test_a_hook_that_fails_warns_once_and_the_script_goes_on(run: Run) -> None:
    run.root.mkdir()
    (run.root / "metrics.jsonl").touch()
    err = run.attempt(BROKEN)
    assert err.count("warning: the metrics hook failed") == 1
    assert (run.folder / "tb").is_dir()


WITHOUT_STEPS = """\
import os, time
import wandb
first = 5 if "TSDIA_RUN_CHECKPOINT" in os.environ else 0
with wandb.init(mode="disabled", config={"debug": True}):
    for number in range(first, 8):
        wandb.log({"loss": number / 10})
        wandb.log({"lr": number}, commit=False)
        if number == 4:
            os.mkdir("run/checkpoint-400")
            open("run/checkpoint-400/model.safetensors", "w").close()
            time.sleep(0.01)  # files have times in milliseconds
"""


@pytest.mark.skipif(version("wandb").startswith("0.16."), reason="W&B 0.16 has no class for disabled runs")
def test_a_count_of_wandb_continues_from_the_checkpoint_so_that_later_values_are_superseded(run: Run) -> None:
    run.attempt(WITHOUT_STEPS)
    run.attempt(WITHOUT_STEPS, 1, checkpoint=run.root / "checkpoint-400")
    assert run.hyperparameters() == {"debug": True}
    summary = summary_file.read_summary(RunLayout(run.root))
    assert summary is not None
    points = summary.series["loss"].points
    assert [round(value * 10) for _, value in points] == list(range(8))
    assert [step for step, _ in points] == sorted({step for step, _ in points if step is not None})
    last = summary.series["loss"].last
    assert last is not None
    assert last.attempt == 1
