"""Record what real progress bars write to a terminal: ``python -m tests.support.capture [NAME…]``.

Needs tqdm, rich, transformers (with torch and accelerate), datasets, enlighten, tokenizers and uv; the recordings are
in ``captures/``. uv and tokenizers draw with indicatif, which relies on the right edge of the terminal.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

CAPTURES = Path(__file__).parent / "captures"

_PYTHON = {
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

_BEFORE = """
for number in range(60): print("line", number, "of the output before the bars")
"""
_PYTHON_AT_AN_EDGE = {
    "enlighten": _BEFORE
    + """
import enlighten, time
with enlighten.get_manager() as manager:
    epochs, steps = manager.counter(total=20, desc="epochs"), manager.counter(total=40, desc="steps")
    for step in range(40):
        time.sleep(0.04)
        steps.update()
        if step % 2: epochs.update()
        if step % 5 == 0: print("step", step, "done")
print("done")
""",
    "tokenizers": _BEFORE
    + """
import random
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
random.seed(1)
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
words = ["".join(random.choices("abcdefgh", k=random.randint(2, 9))) for _ in range(120_000)]
texts = [" ".join(words[at : at + 200]) for at in range(0, len(words), 200)]
tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=3000, show_progress=True))
print("done")
""",
    "uv": _BEFORE
    + """
import subprocess, tempfile
with tempfile.TemporaryDirectory() as folder:
    where = ["--no-config", "--cache-dir", f"{folder}/cache", "--target", f"{folder}/target"]
    subprocess.run(["uv", "pip", "install", *where, "tqdm", "rich", "numpy", "pygments", "pyyaml"], check=True)
print("done")
""",
}
_KEYS_FOR_BASH = (
    b"PS1='$ '\r",
    b"for i in $(seq 40); do echo line $i; done\r",
    b"echo " + b"a long command that wraps at the edge " * 4,
    b"\x01\x1b[C\x1b[C\x05",
    b"\x17",
    b"\r",
    b"echo typ0\x7fo again\r",
    b"\x1b[A\x1b[A\x1b[B",
    b"\r",
    b"exit\r",
)
_QUIET_S = 0.4


class Recording:
    """A program to record.

    Args:
        argv: The command.
        rows: Height of the terminal.
        columns: Width of the terminal.
        keys: Typed one after the other, each when the program has been quiet for a moment.
    """

    def __init__(self, argv: list[str], rows: int, columns: int, keys: Sequence[bytes] = ()) -> None:
        self.argv, self.rows, self.columns, self.keys = argv, rows, columns, keys


RECORDINGS = {
    **{name: Recording([sys.executable, "-c", code], 50, 120) for name, code in _PYTHON.items()},
    **{name: Recording([sys.executable, "-c", code], 24, 80) for name, code in _PYTHON_AT_AN_EDGE.items()},
    "bash": Recording(["setsid", "--ctty", "--wait", "bash", "--norc", "-i"], 24, 80, _KEYS_FOR_BASH),
}


def record(recording: Recording) -> bytes:
    """Record what a program writes to a terminal."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", recording.rows, recording.columns, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    script = subprocess.Popen(recording.argv, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    data, keys = b"", [*recording.keys]
    try:
        while True:
            if select.select([master], [], [], _QUIET_S)[0]:
                data += os.read(master, 65536)
            elif keys:
                os.write(master, keys.pop(0))
    except OSError:  # EIO: no process has the other side open any more
        script.wait()
    os.close(master)
    return data


if __name__ == "__main__":
    CAPTURES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or RECORDINGS:
        (CAPTURES / f"{name}.bytes").write_bytes(record(RECORDINGS[name]))
