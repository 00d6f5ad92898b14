"""OmegaConf: a YAML file, merged with `key=value` arguments; the names of Lightning's checkpoints."""

from pathlib import Path

import toy
from omegaconf import OmegaConf

words = OmegaConf.from_cli()
config = OmegaConf.merge(OmegaConf.load(words.pop("config")), words)
folder = Path(config.trainer.output_dir, "checkpoints")
training = toy.Plain()
start = training.load(Path(config.trainer.resume)) if config.trainer.resume else 0
toy.started(start, training.is_main)
for step in range(start + 1, config.trainer.steps + 1):
    loss = training.train_step(step)
    if step % config.trainer.save_every == 0:
        epoch = step // config.trainer.steps_per_epoch
        training.save(folder / f"epoch={epoch}-step={step}.ckpt", step)
        training.save(folder / "last.ckpt", step)
    toy.report(step, loss, training.is_main)
training.close()
