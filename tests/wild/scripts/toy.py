"""The shared code of the scripts: a model, its data, and the lines that the runner reads."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, distributed, nn

STEPS = 18  # beyond 9, so that the order of the numbers in names differs from the order as strings
SAVE_EVERY = 3


def make_model() -> nn.Module:
    """Return the same small network every time."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Return an optimizer with a state, so that a resume without that state gets other losses."""
    return torch.optim.AdamW(model.parameters(), lr=0.01)


def batch(step: int, rank: int = 0) -> tuple[Tensor, Tensor]:
    """Return the inputs (16, 4) and targets (16, 1) of a step: the same in every attempt."""
    inputs = torch.rand(16, 4, generator=torch.Generator().manual_seed(1000 * rank + step))
    return inputs, inputs.sum(1, keepdim=True).sin()


def loss_of(model: nn.Module, step: int, rank: int = 0) -> Tensor:
    """Return the loss of the step's batch."""
    inputs, targets = batch(step, rank)
    return nn.functional.mse_loss(model(inputs), targets)


def started(step: int, is_main: bool = True) -> None:
    """Print the last trained step: 0 at the start."""
    if is_main:
        print(f"start step {step}", flush=True)  # noqa: T201


def report(step: int, loss: float, is_main: bool = True) -> None:
    """Print a step's loss to the last bit. At the step WILD_HOLD_AT, every rank reports that it is ready, and waits."""
    if is_main:
        print(f"step {step} loss {loss!r}", flush=True)  # noqa: T201
    if os.environ.get("WILD_HOLD_AT") == str(step):
        Path(os.environ["WILD_HELD"], str(os.getpid())).touch()
        time.sleep(600)


class Plain:
    """Model and optimizer in plain PyTorch, with the sum of the ranks' gradients; one file per checkpoint."""

    def __init__(self) -> None:
        self.rank = int(os.environ.get("RANK", "0"))
        self.is_main = self.rank == 0
        self.is_distributed = int(os.environ.get("WORLD_SIZE", "1")) > 1
        self.model = make_model()
        self.optimizer = make_optimizer(self.model)
        if self.is_distributed:
            distributed.init_process_group("gloo")

    def train_step(self, step: int) -> float:
        """Train one step and return its loss."""
        loss = loss_of(self.model, step, self.rank)
        loss.backward()
        if self.is_distributed:  # DistributedDataParallel can deadlock at exit: PyTorch's gloo thread and the GIL
            for parameter in self.model.parameters():
                distributed.all_reduce(parameter.grad)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss.item())

    def state(self, step: int) -> dict[str, Any]:
        """Return the contents of a checkpoint."""
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "step": step}

    def save(self, path: Path, step: int) -> None:
        """Save a checkpoint, on the main rank."""
        if self.is_main:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(self.state(step), path)

    def load(self, path: Path) -> int:
        """Load a checkpoint and return its step."""
        state = torch.load(path)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])

    def close(self) -> None:
        """End the process group."""
        if self.is_distributed:
            distributed.destroy_process_group()


def train_with_accelerate(folder: Path, resume: str | None, name: str, save_every: int = SAVE_EVERY) -> None:
    """Train as Accelerate's examples do: the number in a checkpoint's name is its step."""
    accelerator = Accelerator()
    model = make_model()
    model, optimizer = accelerator.prepare(model, make_optimizer(model))
    start = 0
    if resume:
        accelerator.load_state(resume)
        start = int(Path(resume).name.removeprefix(name))
    started(start, accelerator.is_main_process)
    for step in range(start + 1, STEPS + 1):
        loss = loss_of(model, step, accelerator.process_index)
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        accelerator.log({"train/loss": loss.item()}, step=step)
        if step % save_every == 0:
            accelerator.save_state(str(folder / f"{name}{step}"))
        report(step, loss.item(), accelerator.is_main_process)
    accelerator.end_training()
