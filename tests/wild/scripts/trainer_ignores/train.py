"""transformers' Trainer in a script that takes the checkpoint and forgets to pass it on."""

import argparse

from toy_trainer import arguments, make_trainer

parser = argparse.ArgumentParser()
parser.add_argument("--output_dir", required=True)
parser.add_argument("--resume_from_checkpoint")
make_trainer(arguments(parser.parse_args().output_dir)).train()
