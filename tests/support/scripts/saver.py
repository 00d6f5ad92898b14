"""A training that only saves and loads. It executes its arguments in order:

auto=LIMIT   automatic naming, with total_limit (empty for none); must come first
init         init_trackers
val=EPOCH    log a validation loss with the epoch as its step
log=STEP     log the step, a loss of 1 / STEP, and the epoch STEP / 10
save=NAME    save_state on all ranks (without NAME: automatic naming)
main=NAME    save_state on the main process only
half=NAME    save_state that fails at its end, after it has written everything else
late=NAME    save_state on all ranks; rank 1 starts after rank 0 has returned
load=NAME    load_state
try=NAME     load_state; print what it raises and whether the model is unchanged
rename=A:B   rename A to B
touch=NAME   write a file of the script into that directory
fill         fill the disk
train        one step, which changes the random states and the optimizer
"""

import posix
import random
import sys
import time
from contextlib import suppress
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration

project_dir, *words = sys.argv[1:]
configuration = ProjectConfiguration(project_dir=project_dir)
if words[0].startswith("auto="):
    limit = words.pop(0).removeprefix("auto=")
    configuration.automatic_checkpoint_naming = True
    configuration.total_limit = int(limit) if limit else None
accelerator = Accelerator(cpu=True, project_config=configuration)
model = torch.nn.Linear(40, 40)
optimizer = torch.optim.AdamW(model.parameters())
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
model, optimizer, scheduler = accelerator.prepare(model, optimizer, scheduler)


def train() -> None:
    accelerator.backward(model(torch.rand(4, 40) + random.random()).sum())
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad()


def save(name: str) -> None:
    saved = accelerator.save_state(str(Path(project_dir, name)) if name else None)
    sys.stdout.write(f"rank {accelerator.process_index} saved {Path(saved).name}\n")


class Broken:
    """An object that can't be saved."""

    def state_dict(self) -> dict[str, int]:
        raise RuntimeError("can't be saved")

    def load_state_dict(self, _state: dict[str, int]) -> None: ...


def save_half(name: str) -> None:
    accelerator.register_for_checkpointing(Broken())
    with suppress(RuntimeError):
        save(name)
    accelerator._custom_objects.clear()


def save_late(name: str) -> None:
    if accelerator.is_main_process:
        save(name)
        Path(project_dir, "rank0-is-done").touch()
    else:
        while not Path(project_dir, "rank0-is-done").exists():
            time.sleep(0.01)
        save(name)


def try_to_load(name: str) -> None:
    before = model.weight.clone()
    try:
        accelerator.load_state(str(Path(project_dir, name)))
    except Exception as error:
        unchanged = "unchanged" if torch.equal(before, model.weight) else "changed"
        sys.stdout.write(f"{type(error).__name__} {error} model {unchanged}\n")


def fill_the_disk() -> None:
    with suppress(OSError), open(Path(project_dir, "filler"), "wb", buffering=0) as file:
        while True:
            file.write(bytes(512))


train()
for word in words:
    kind, _, value = word.partition("=")
    if kind == "init":
        accelerator.init_trackers("project", {"lr": 0.1})
    elif kind == "log":
        accelerator.log({"loss": 1 / int(value), "epoch": int(value) // 10, "note": "text"}, step=int(value))
    elif kind == "val":
        accelerator.log({"val_loss": 0.5}, step=int(value))
    elif kind == "save" or (kind == "main" and accelerator.is_main_process):
        save(value)
    elif kind == "half":
        save_half(value)
    elif kind == "rename":
        old, new = value.split(":")
        posix.rename(Path(project_dir, old), Path(project_dir, new))  # a fault may make os.rename fail
    elif kind == "late":
        save_late(value)
    elif kind == "load":
        accelerator.load_state(str(Path(project_dir, value)) if value else None)
        sys.stdout.write(f"rank {accelerator.process_index} loaded {torch.rand(1).item():.6f}\n")
    elif kind == "try":
        try_to_load(value)
    elif kind == "touch":
        Path(project_dir, value).mkdir(exist_ok=True)
        with open(Path(project_dir, value, "extra.txt"), "a") as file:
            file.write("more")
    elif kind == "fill":
        fill_the_disk()
    elif kind == "train":
        train()
    sys.stdout.flush()
accelerator.wait_for_everyone()
accelerator.end_training()
