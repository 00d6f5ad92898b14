"""notebook_launcher: the script is one process that forks its ranks."""

import argparse
from pathlib import Path

import toy
from accelerate import notebook_launcher

parser = argparse.ArgumentParser()
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--ranks", type=int, default=1)
parser.add_argument("--resume")
args = parser.parse_args()
notebook_launcher(toy.train_with_accelerate, (args.out, args.resume, "checkpoint-"), num_processes=args.ranks)
