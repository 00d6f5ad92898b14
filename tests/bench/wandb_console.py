"""Measure W&B's own capture of the console, and the cost of a line under tsdia-run without that capture."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.measure import Result, alternate
from tests.support.command import COMMAND, environment

LINES = 100_000
RUNS = 1  # each run of the peer takes a minute
SCRIPT = f"""\
import sys, time
import wandb
run = wandb.init(project="bench", mode="offline", dir=".")
began = time.perf_counter()
for step in range({LINES}):
    print("step", step, "loss 0.123456 and some more text to fill the line")
sys.stdout.flush()
elapsed = time.perf_counter() - began
run.finish()
with open("seconds.txt", "w") as file:
    file.write(str(elapsed))
"""


def measure(folder: Path) -> list[Result]:
    """Return the seconds of only the printing loop: start and end of W&B are the same for both."""
    (folder / "printing.py").write_text(SCRIPT)
    (folder / "printing.yml").write_text(
        "training: {checkpoint: {save_dir: runs/printing}}\n"
        "tsdia_run: {entrypoint: printing.py, launcher: python, wandb: {console: off}}\n"
    )
    return [
        alternate(
            f"{LINES:,} printed lines, W&B offline, `console: off` under tsdia-run",
            lambda: _seconds(folder, [COMMAND, "new", "printing.yml"]),
            "python with W&B's own capture",
            lambda: _seconds(folder, [sys.executable, "printing.py"]),
            runs=RUNS,
            limit=0.10,
        )
    ]


def _seconds(folder: Path, argv: list[str]) -> float:
    """Return the seconds of a run whose output is read as fast as it is written."""
    for left in ("runs", "wandb"):
        shutil.rmtree(folder / left, ignore_errors=True)
    subprocess.run(argv, cwd=folder, env=environment(), capture_output=True, check=True)
    return float((folder / "seconds.txt").read_text())
