"""argparse, as in Accelerate's examples: no config, `step_N`, the step taken from the name of the checkpoint."""

import argparse
from pathlib import Path

import toy

parser = argparse.ArgumentParser()
parser.add_argument("--output_dir", type=Path, required=True)
parser.add_argument("--resume_from_checkpoint")
args = parser.parse_args()
toy.train_with_accelerate(args.output_dir, args.resume_from_checkpoint, "step_")
