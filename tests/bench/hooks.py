"""Measure the cost of the hooks: a call that logs, with several libraries, and a step of a small model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bench.measure import Result, alternate
from tests.bench.start import ACCELERATE
from tests.support.command import COMMAND, environment

RUNS = 5
LOG_LIMIT_US = 20.0
LOGGING = """\
import statistics, sys, time
from accelerate import Accelerator
accelerator = Accelerator(cpu=True)
values = {f"metric/{number}": number * 1.2345 for number in range(20)}
times = []
for step in range(20_000):
    began = time.perf_counter_ns()
    accelerator.log(values, step=step)
    times.append(time.perf_counter_ns() - began)
open("result.txt", "w").write(str(statistics.median(times) / 1000))
"""
# A scalar, with each of two libraries. W&B and the thread of the writer do nothing, so that the hooks' time is clear.
SCALARS = """\
import statistics, sys, time
import wandb
from tensorboardX import SummaryWriter
def median(call):
    times = []
    for step in range(20_000):
        began = time.perf_counter_ns()
        call(step)
        times.append(time.perf_counter_ns() - began)
    return statistics.median(times) / 1000
writer = SummaryWriter("tb", write_to_disk=False)
wandb.init(mode="disabled")
calls = {
    "add_scalar": lambda step: writer.add_scalar("loss", step * 1.2345, step),
    "wandb.log": lambda step: wandb.log({"val_loss": step * 1.2345}),
}
open("result.txt", "w").write(str(median(calls[sys.argv[1]])))
"""
TRAINING = """\
import time
import torch
from accelerate import Accelerator
accelerator = Accelerator(cpu=True)
torch.manual_seed(0)
model = torch.nn.Sequential(*[torch.nn.Linear(256, 256) for _ in range(4)])
model, optimizer = accelerator.prepare(model, torch.optim.AdamW(model.parameters()))
batch = torch.randn(64, 256)
began = time.perf_counter()
for step in range(1_000):
    loss = model(batch).square().mean()
    accelerator.backward(loss)
    optimizer.step()
    optimizer.zero_grad()
    accelerator.log({"loss": loss.item(), "val_loss": 1.0}, step=step)
open("result.txt", "w").write(str((time.perf_counter() - began) / 1_000))
"""


def measure(folder: Path) -> list[Result]:
    """Return the results of this file; both are measured inside the training, so they do not include the start."""
    (folder / "log.py").write_text(LOGGING)
    (folder / "step.py").write_text(TRAINING)
    logs = alternate(
        "Accelerator.log of 20 scalars, no tracker",
        lambda: _result(folder, _ours("log.py")),
        "python script.py",
        lambda: _result(folder, [sys.executable, "log.py"]),
        runs=RUNS,
        limit=float("inf"),
        unit="us",
    )
    cost_us = logs.ours - (logs.theirs or 0.0)
    ratio = cost_us / LOG_LIMIT_US
    steps = alternate(
        "a step of 5 ms with one log call, all hooks",
        lambda: _result(folder, _ours("step.py")),
        "accelerate launch",
        lambda: _result(folder, [ACCELERATE, "launch", "--num_processes", "1", "step.py"]),
        runs=RUNS,
        limit=float("inf"),
    )
    what = "overhead of the hook in Accelerator.log"
    overhead = Result(what, cost_us, "limit", LOG_LIMIT_US, "us", ratio, ratio, ratio, 1.0)
    return [logs, overhead, *(_of_scalar(folder, call) for call in ("add_scalar", "wandb.log")), steps]


def _of_scalar(folder: Path, call: str) -> Result:
    (folder / "scalars.py").write_text(SCALARS)
    pair = alternate(
        call,
        lambda: _result(folder, [*_ours("scalars.py"), "--", call]),
        "python",
        lambda: _result(folder, [sys.executable, "scalars.py", call]),
        runs=RUNS,
        limit=float("inf"),
    )
    cost_us = pair.ours - (pair.theirs or 0.0)
    ratio = cost_us / LOG_LIMIT_US
    return Result(f"overhead of the hook in {call}", cost_us, "limit", LOG_LIMIT_US, "us", ratio, ratio, ratio, 1.0)


def _ours(script: str) -> list[str]:
    return [COMMAND, "new", "--entrypoint", script, "--name", "bench", "--move-aside", "--num-processes", "1", "-q"]


def _result(folder: Path, argv: list[str]) -> float:
    subprocess.run(argv, cwd=folder, env=environment(), capture_output=True, check=True)
    return float((folder / "result.txt").read_text())
