"""Save 200 MB again and again, each time in a fork that is killed during the save.

A line "NUMBER SECONDS" on stdin: save checkpoint NUMBER, with NUMBER as the value of all weights, and be killed after
SECONDS seconds. The answer is "NUMBER SECONDS sealed" with the time that save_state took, or "NUMBER killed".
"""

import os
import select
import signal
import sys
import time

import torch
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration

torch.set_num_threads(1)  # forks of a process whose threads have run would hang
project_dir, limit = sys.argv[1:]
configuration = ProjectConfiguration(
    project_dir=project_dir, automatic_checkpoint_naming=True, total_limit=int(limit) if limit else None
)
accelerator = Accelerator(cpu=True, project_config=configuration)
model = torch.nn.Linear(2040, 8160, bias=False)
optimizer = torch.optim.Adam(model.parameters())
model, optimizer = accelerator.prepare(model, optimizer)
accelerator.backward(model(torch.ones(1, 2040)).sum())
optimizer.step()
optimizer.zero_grad()


def save(number: int, answer: int) -> None:
    configuration.iteration = number
    with torch.no_grad():
        model.weight.fill_(number)
    os.write(answer, b"began\n")
    began = time.perf_counter()
    accelerator.save_state()
    os.write(answer, f"{time.perf_counter() - began}\n".encode())


def killed_save(number: int, after_s: float) -> str:
    heard, answer = os.pipe()
    child = os.fork()
    if not child:
        os.close(heard)
        try:
            save(number, answer)
        finally:
            os._exit(0)
    os.close(answer)
    with os.fdopen(heard) as answers:
        answers.readline()
        # Reads the rest of the pipe once the child closes it or dies.
        select.select([answers], [], [], after_s)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        seconds = answers.readline().strip()
    return f"{seconds} sealed" if seconds else "killed"


for line in sys.stdin:
    number, after_s = line.split()
    sys.stdout.write(f"{number} {killed_save(int(number), float(after_s))}\n")
    sys.stdout.flush()
