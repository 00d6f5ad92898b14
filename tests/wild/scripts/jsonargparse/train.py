"""jsonargparse, as in Lightning's command line: a strict config, classes built from it; automatic naming."""

from __future__ import annotations

import toy
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration
from jsonargparse import ArgumentParser


class Trainer:
    """Trains, and saves into checkpoints/checkpoint_N."""

    def __init__(self, default_root_dir: str, max_steps: int = 18) -> None:
        project = ProjectConfiguration(default_root_dir, automatic_checkpoint_naming=True)
        self.accelerator = Accelerator(project_config=project)
        self.max_steps = max_steps
        self.step = 0
        self.accelerator.register_for_checkpointing(self)

    def state_dict(self) -> dict[str, int]:
        """Return the trainer's state for a checkpoint."""
        return {"step": self.step}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Restore the trainer's state from a checkpoint."""
        self.step = state["step"]

    def fit(self, ckpt_path: str | None) -> None:
        """Train from a checkpoint, or from the start."""
        model = toy.make_model()
        model, optimizer = self.accelerator.prepare(model, toy.make_optimizer(model))
        if ckpt_path:
            self.accelerator.load_state(ckpt_path)
        toy.started(self.step, self.accelerator.is_main_process)
        while self.step < self.max_steps:
            self.step += 1
            loss = toy.loss_of(model, self.step, self.accelerator.process_index)
            self.accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            self.accelerator.log({"train/loss": loss.item()}, step=self.step)
            if self.step % toy.SAVE_EVERY == 0:
                self.accelerator.save_state()
            toy.report(self.step, loss.item(), self.accelerator.is_main_process)
        self.accelerator.end_training()


parser = ArgumentParser()
parser.add_argument("--config", action="config")
parser.add_class_arguments(Trainer, "trainer")
parser.add_argument("--ckpt_path", type=str | None)
arguments = parser.instantiate_classes(parser.parse_args())
arguments.trainer.fit(arguments.ckpt_path)
