"""Save 200 MB and print for each save the seconds of: tsdia-run's part, save_state itself, the fsync of the files."""

import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tsdia_run.checkpoints import files
from tsdia_run.training.hooks.save_state import Saving
from tsdia_run.training.hooks.wrapping import Steps

project_dir, count = sys.argv[1:]
steps, make_durable = Saving.steps, files.make_durable
sync_s: list[float] = []


def timed_make_durable(checkpoint: Path, names: Iterable[str]) -> None:
    began = time.perf_counter()
    make_durable(checkpoint, names)
    sync_s.append(time.perf_counter() - began)


def timed_steps(saving: Saving, accelerator: Any, output_dir: str) -> Steps:
    began = time.perf_counter()
    inner = steps(saving, accelerator, output_dir)
    call = next(inner)
    called = time.perf_counter()
    result = yield call
    returned = time.perf_counter()
    try:
        inner.send(result)
    except StopIteration:
        ours_s = called - began + time.perf_counter() - returned - sync_s[-1]
        sys.stdout.write(f"{ours_s} {returned - called} {sync_s[-1]}\n")


setattr(files, "make_durable", timed_make_durable)  # noqa: B010 - before the hook is in its place
setattr(Saving, "steps", timed_steps)  # noqa: B010

import torch  # noqa: E402
from accelerate import Accelerator  # noqa: E402

accelerator = Accelerator(cpu=True)
model = torch.nn.Linear(2040, 8160, bias=False)
model, optimizer = accelerator.prepare(model, torch.optim.Adam(model.parameters()))
accelerator.backward(model(torch.ones(1, 2040)).sum())
optimizer.step()
for number in range(int(count)):
    accelerator.save_state(f"{project_dir}/step_{number}")
    shutil.rmtree(f"{project_dir}/step_{number}")
