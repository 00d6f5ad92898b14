"""HfArgumentParser, as in transformers' examples: the only argument is a JSON file, recognised by its suffix."""

import sys
from dataclasses import dataclass

from toy_trainer import make_trainer
from transformers import HfArgumentParser, TrainingArguments


@dataclass
class ModelArguments:
    """The script's own arguments."""

    model_name_or_path: str


parser = HfArgumentParser((ModelArguments, TrainingArguments))
if len(sys.argv) == 2 and sys.argv[1].endswith(".json"):
    _, training_args = parser.parse_json_file(json_file=sys.argv[1])
else:
    _, training_args = parser.parse_args_into_dataclasses()
trainer = make_trainer(training_args)
trainer.train(resume_from_checkpoint=training_args.resume_from_checkpoint)
trainer.save_model()  # only weights, into the run directory itself
trainer.save_state()
