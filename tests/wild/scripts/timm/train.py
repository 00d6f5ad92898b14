"""timm's CheckpointSaver: tmp.pth.tar becomes last.pth.tar, with hard links to it for this epoch and for the best."""

import argparse
import os
from pathlib import Path

import toy

parser = argparse.ArgumentParser()
parser.add_argument("--output", type=Path, required=True)
parser.add_argument("--resume", type=Path)
args = parser.parse_args()
training = toy.Plain()
last = args.output / "last.pth.tar"
best_loss = float("inf")


def replace_link(link: Path) -> None:
    """Make a hard link to the last checkpoint."""
    link.unlink(missing_ok=True)
    os.link(last, link)


epoch = training.load(args.resume) if args.resume else 0
toy.started(epoch, training.is_main)
while epoch < toy.STEPS:  # an epoch has one step here
    epoch += 1
    loss = training.train_step(epoch)
    if training.is_main:
        training.save(args.output / "tmp.pth.tar", epoch)
        (args.output / "tmp.pth.tar").replace(last)
        replace_link(args.output / f"checkpoint-{epoch}.pth.tar")
        if loss < best_loss:
            best_loss = loss
            replace_link(args.output / "model_best.pth.tar")
    toy.report(epoch, loss, training.is_main)
training.close()
