"""Record what real progress bars write to a terminal: ``python -m tests.support.capture [NAME…]``.

Needs tqdm, rich, transformers (with torch and accelerate) and datasets; the recordings are in ``captures/``.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
from pathlib import Path

CAPTURES = Path(__file__).parent / "captures"
ROWS, COLUMNS = 50, 120

SCRIPTS = {
    "tqdm": """
import time, tqdm
for _ in tqdm.tqdm(range(40), desc="training"): time.sleep(0.02)
print("done")
""",
    "tqdm-nested": """
import time, tqdm
for _ in tqdm.trange(3, desc="epochs"):
    for _ in tqdm.trange(10, desc="steps", leave=False): time.sleep(0.03)
    for _ in tqdm.trange(5, desc="validation", leave=True): time.sleep(0.03)
print("done")
""",
    "tqdm-write": """
import time, tqdm
for epoch in tqdm.trange(3, desc="epochs", position=0):
    for step in tqdm.trange(8, desc="steps", position=1, leave=False):
        time.sleep(0.03)
        if step % 3 == 0: tqdm.tqdm.write(f"epoch {epoch} step {step}: loss 0.{step}")
print("done")
""",
    "rich": """
import time
from rich.progress import Progress, track
for _ in track(range(20), description="loading"): time.sleep(0.02)
with Progress() as progress:
    tasks = [progress.add_task(f"[green]task {n}", total=20) for n in range(3)]
    for step in range(20):
        time.sleep(0.04)
        for n, task in enumerate(tasks): progress.update(task, advance=1 + n / 2)
        if step % 7 == 0: progress.console.print(f"step [bold]{step}[/] of the [red]run[/]")
print("done")
""",
    "rich-live": """
import time
from rich.live import Live
from rich.table import Table
def table(step):
    table = Table("rank", "loss", title=f"step {step}")
    for rank in range(3): table.add_row(str(rank), str(step / 10 + rank))
    return table
print("before")
with Live(table(0), screen=True, refresh_per_second=20) as live:
    for step in range(20):
        time.sleep(0.05)
        live.update(table(step))
print("done")
""",
    "transformers": """
import tempfile, torch, transformers
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
    def forward(self, x, labels=None):
        out = self.layer(x)
        return {"loss": ((out - labels) ** 2).mean(), "logits": out}
data = [{"x": torch.randn(4), "labels": torch.randn(1)} for _ in range(64)]
arguments = transformers.TrainingArguments(
    tempfile.mkdtemp(), num_train_epochs=2, per_device_train_batch_size=4, logging_steps=5, eval_strategy="epoch",
    save_strategy="no", report_to=[], use_cpu=True)
transformers.Trainer(Model(), arguments, train_dataset=data, eval_dataset=data[:24]).train()
print("done")
""",
    "datasets": """
import time, datasets
data = datasets.Dataset.from_dict({"text": [f"text {n}" for n in range(3000)]})
def slow(row):
    time.sleep(0.0002)
    return {"length": len(row["text"])}
data = data.map(slow)
data = data.filter(lambda row: row["length"] > 5)
print(len(data), "rows")
""",
}


def record(code: str) -> bytes:
    """Record what a script writes to a terminal of ROWS by COLUMNS."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    script = subprocess.Popen([sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    data = b""
    try:
        while part := os.read(master, 65536):
            data += part
    except OSError:  # EIO: no process has the other side open any more
        script.wait()
    os.close(master)
    return data


if __name__ == "__main__":
    CAPTURES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or SCRIPTS:
        (CAPTURES / f"{name}.bytes").write_bytes(record(SCRIPTS[name]))
