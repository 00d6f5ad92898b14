"""Files as checkpoints: the names come from the command line."""

import argparse
from pathlib import Path

import toy

parser = argparse.ArgumentParser()
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--name", default="ckpt_%03d.pth")
parser.add_argument("--load", type=Path)
args = parser.parse_args()
training = toy.Plain()
start = training.load(args.load) if args.load else 0
toy.started(start, training.is_main)
for step in range(start + 1, toy.STEPS + 1):
    loss = training.train_step(step)
    if step % toy.SAVE_EVERY == 0:
        training.save(args.out / (args.name % step), step)
    toy.report(step, loss, training.is_main)
training.close()
