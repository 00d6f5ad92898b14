"""Hydra with its own folder of configs, which changes the working directory to its output directory."""

from pathlib import Path

import hydra
import toy
from omegaconf import DictConfig


@hydra.main(config_path="conf", config_name="config", version_base=None)
def main(config: DictConfig) -> None:
    """Train; the checkpoints are relative to the working directory, as in many scripts that use Hydra."""
    training = toy.Plain()
    start = training.load(Path(config.resume)) if config.resume else 0
    toy.started(start, training.is_main)
    for step in range(start + 1, config.trainer.max_steps + 1):
        loss = training.train_step(step)
        if step % config.trainer.save_every == 0:
            training.save(Path("checkpoints", f"checkpoint-{step}.pt"), step)
        toy.report(step, loss, training.is_main)
    training.close()


if __name__ == "__main__":
    main()
