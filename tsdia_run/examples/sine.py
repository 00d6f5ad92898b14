"""A network that learns a sine, trained with HuggingFace Accelerate and the helper of tsdia-run.

    tsdia-run new configs/helper.yml
    python sine.py --config helper.yml         # the same without tsdia-run

The helper saves complete checkpoints, keeps the newest and the best, resumes, and stops gracefully on Ctrl-C.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.nn import functional

import tsdia_run


def batch(size: int) -> tuple[Tensor, Tensor]:
    """Returns random points of the sine: x and y, each of shape (size, 1)."""
    x = (torch.rand(size, 1) * 2 - 1) * math.pi
    return x, torch.sin(x)


def validation_loss(model: nn.Module) -> float:
    """Returns the mean squared error on a fixed set of points."""
    x = torch.linspace(-math.pi, math.pi, 200).unsqueeze(1)
    with torch.no_grad():
        loss: float = functional.mse_loss(model(x), torch.sin(x)).item()
    return loss


def train(run: tsdia_run.CurrentRun, accelerator: Accelerator, settings: dict[str, Any]) -> None:
    """Trains from the start, or from the checkpoint that the run resumes from."""
    model = nn.Sequential(nn.Linear(1, settings["width"]), nn.Tanh(), nn.Linear(settings["width"], 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=settings["learning_rate"])
    model, optimizer = accelerator.prepare(model, optimizer)
    if accelerator.is_main_process:
        run.save_model_summary(accelerator.unwrap_model(model))
    resumed = run.resume(accelerator)
    step = resumed.step or 0 if resumed else 0
    accelerator.print(f"starting at step {step}")
    while step < settings["steps"]:
        x, y = batch(settings["batch_size"])
        loss = functional.mse_loss(model(x), y)
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        accelerator.log({"train/loss": loss.item()}, step=step)
        # Read it on every rank: all ranks get the same value.
        is_stopping = run.stop_requested
        if step % settings["interval"] == 0 or step == settings["steps"] or is_stopping:
            loss_now = validation_loss(accelerator.unwrap_model(model))
            run.log_validation(accelerator, {"loss": loss_now}, step=step)
            saved = run.save_checkpoint(accelerator, epoch=0, step=step, metrics={"val_loss": loss_now})
            accelerator.print(f"step {step}: validation loss {loss_now:.5f}, saved {saved.name}")
        if is_stopping:
            accelerator.print("stop requested: saved a checkpoint, stopping")
            break


def main() -> None:
    """Reads the config through the helper, and trains."""
    parser = argparse.ArgumentParser(description="Learn a sine with Accelerate and the helper of tsdia-run.")
    parser.add_argument("--config", required=True, help="YAML file with the settings")
    run = tsdia_run.current_run(parser.parse_args().config)
    accelerator = Accelerator(cpu=True)
    set_seed(run.config["training"]["seed"])
    train(run, accelerator, run.config["training"])
    accelerator.end_training()


if __name__ == "__main__":
    main()
