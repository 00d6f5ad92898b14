"""nanoGPT: globals are the config; the script finds its only checkpoint file in out_dir, and each save replaces it."""

from pathlib import Path

import toy

out_dir = "out"
init_from = "scratch"
max_iters = 5
eval_interval = 1
exec(Path("configurator.py").read_text())

training = toy.Plain()
checkpoint = Path(out_dir, "ckpt.pt")
iteration = training.load(checkpoint) if init_from == "resume" else 0
toy.started(iteration, training.is_main)
while iteration < max_iters:
    iteration += 1
    loss = training.train_step(iteration)
    if iteration % eval_interval == 0:
        training.save(checkpoint, iteration)
    toy.report(iteration, loss, training.is_main)
training.close()
