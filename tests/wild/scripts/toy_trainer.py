"""The shared code of the scripts with transformers' Trainer."""

from __future__ import annotations

from typing import Any

import torch
import toy
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class Model(nn.Module):
    """Returns the loss, as the models of transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.network = toy.make_model()

    def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return loss and logits."""
        logits = self.network(inputs)
        return {"loss": nn.functional.mse_loss(logits, labels), "logits": logits}


class Reporter(TrainerCallback):
    """Prints the lines that the runner reads."""

    def on_train_begin(self, _args: TrainingArguments, state: TrainerState, _: TrainerControl, **_more: Any) -> None:
        """Print the step at the start."""
        toy.started(state.global_step, state.is_world_process_zero)

    def on_log(self, _args: TrainingArguments, state: TrainerState, _: TrainerControl, **more: Any) -> None:
        """Print the step's loss."""
        if "loss" in more["logs"]:
            toy.report(state.global_step, more["logs"]["loss"], state.is_world_process_zero)


def examples() -> list[dict[str, Tensor]]:
    """Return the data: 16 examples per batch."""
    batches = [toy.batch(number) for number in range(toy.STEPS)]
    pairs = zip(torch.cat([inputs for inputs, _ in batches]), torch.cat([labels for _, labels in batches]), strict=True)
    return [{"inputs": inputs, "labels": labels} for inputs, labels in pairs]


def make_trainer(args: TrainingArguments) -> Trainer:
    """Return a Trainer that reports."""
    return Trainer(Model(), args, train_dataset=examples(), callbacks=[Reporter()])


def arguments(output_dir: str) -> TrainingArguments:
    """Return the arguments for scripts that have no config."""
    steps: dict[str, Any] = {"max_steps": toy.STEPS, "save_steps": toy.SAVE_EVERY, "logging_steps": 1}
    return TrainingArguments(output_dir, use_cpu=True, report_to="none", disable_tqdm=True, **steps)
