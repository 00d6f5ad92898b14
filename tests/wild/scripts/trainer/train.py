"""transformers' Trainer in a script that finds its last checkpoint itself."""

import sys
from pathlib import Path

from toy_trainer import arguments, make_trainer
from transformers.trainer_utils import get_last_checkpoint

output_dir = sys.argv[1]
last = get_last_checkpoint(output_dir) if Path(output_dir).is_dir() else None
make_trainer(arguments(output_dir)).train(resume_from_checkpoint=last)
