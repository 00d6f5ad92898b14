"""Measure the time until the script's first line, and the cost of the command itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.measure import Result, alternate
from tests.support.command import COMMAND, environment

ACCELERATE = str(Path(sys.executable).with_name("accelerate"))
SCRIPT = """\
from accelerate import Accelerator
accelerator = Accelerator(cpu=True)
print("first line", flush=True)
"""
RUNS = 9


def measure(folder: Path) -> list[Result]:
    """Return the results of this file."""
    (folder / "train.py").write_text(SCRIPT)
    (folder / "config.yml").write_text("training: {checkpoint: {save_dir: runs/exp}}\n")
    python = [sys.executable, "train.py"]
    launch = [ACCELERATE, "launch", "--num_processes", "1", "train.py"]
    what = "start of the command to the first line of an Accelerate script"
    return [
        alternate(
            what, lambda: ours(folder), "accelerate launch", lambda: first_line(launch, folder), runs=RUNS, limit=0.60
        ),
        alternate(
            what, lambda: ours(folder), "python script.py", lambda: first_line(python, folder), runs=RUNS, limit=1.25
        ),
        alternate(
            "tsdia-run --help",
            lambda: seconds_of([COMMAND, "--help"], folder),
            "python -c 'import typer, rich.console'",
            lambda: seconds_of([sys.executable, "-c", "import typer, rich.console"], folder),
            runs=3 * RUNS,
            limit=1.5,
        ),
        alternate(
            "one completion",
            lambda: seconds_of([COMMAND, "completion", "--words", "bash", "e", "tsdia-run info e"], folder),
            "python -c 'import typer'",
            lambda: seconds_of([sys.executable, "-c", "import typer"], folder),
            runs=3 * RUNS,
            limit=1.5,
        ),
        supervisor_memory(folder),
    ]


def ours(folder: Path) -> float:
    """Return the seconds to the first line under `tsdia-run new`, in a new run directory."""
    shutil.rmtree(folder / "runs", ignore_errors=True)
    return first_line([COMMAND, "new", "config.yml", "--num-processes", "1"], folder)


def first_line(argv: Sequence[str], folder: Path) -> float:
    """Return the seconds until the benchmark reads the script's first line from the pipe."""
    began = time.perf_counter()
    with subprocess.Popen(
        argv, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "first line\n"
        elapsed = time.perf_counter() - began
        running.stdout.read()
    assert running.returncode == 0
    return elapsed


def seconds_of(argv: Sequence[str], folder: Path) -> float:
    """Return the seconds of a whole process."""
    began = time.perf_counter()
    subprocess.run(argv, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def supervisor_memory(folder: Path) -> Result:
    """Compare the supervisor's peak memory while a training runs, in MB, with the fixed limit."""
    (folder / "wait.py").write_text("print('first line', flush=True); input()\n")
    shutil.rmtree(folder / "runs", ignore_errors=True)
    with subprocess.Popen(
        [COMMAND, "new", "config.yml", "--entrypoint", "wait.py", "--num-processes", "1"],
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout
        running.stdout.readline()
        time.sleep(2)  # until code and environment are recorded too
        status = Path(f"/proc/{running.pid}/status").read_text()
        running.communicate("\n")
    kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    ours_mb = kib * 1024 / 1e6
    limit_mb = 45.0
    ratio = ours_mb / limit_mb
    return Result(
        "supervisor's peak memory", ours_mb, f"limit of {limit_mb:.0f} MB", None, "MB", ratio, ratio, ratio, 1.0
    )
