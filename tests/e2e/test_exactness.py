"""A training that is killed and resumed computes the same values as an uninterrupted one, to the last bit."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_quickstart import SHORT, clone
from tests.support.command import COMMAND, environment, record_of, tsdia_run
from tests.support.slow import slow

__all__ = ["clone"]  # a fixture
SETTINGS = [
    word for setting in (*SHORT, "training.epochs=2", "training.logging.interval=1") for word in ("--set", setting)
]
KEPT = ("train/loss", "train/learning_rate", "validation/loss")


def losses(run_dir: Path) -> dict[tuple[int, str], float]:
    """Return the metrics that count: for each step and name, the line of the newest attempt."""
    found: dict[tuple[int, str], float] = {}
    for line in (run_dir / "metrics.jsonl").read_text().splitlines():
        told: dict[str, Any] = json.loads(line)
        found |= {(told["step"], name): told[name] for name in KEPT if name in told}
    return found


@pytest.mark.parametrize("ranks", [*slow(1), 2])
def test_after_a_kill_at_a_random_step_and_a_resume_the_losses_are_equal_to_the_last_bit(
    clone: Path, ranks: int
) -> None:
    words = ["configs/quickstart.yml", "--num-processes", str(ranks), *SETTINGS]
    whole = tsdia_run("new", *words, "--name", "whole", cwd=clone, limit_s=180)
    assert whole.returncode == 0, whole.stderr
    expected = losses(clone / "runs/whole")
    last = max(step for step, _ in expected)
    kill_at = random.Random(os.urandom(8)).randrange(5, last)
    run_dir = clone / "runs/quickstart"
    with subprocess.Popen(
        [COMMAND, "new", *words], cwd=clone, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        metrics = run_dir / "metrics.jsonl"
        while not (metrics.exists() and f'"step":{kill_at},' in metrics.read_text()):
            assert running.poll() is None, f"it ended before step {kill_at}"
            time.sleep(0.002)
        for pid in ranks_of(run_dir):
            os.kill(pid, signal.SIGKILL)
        running.wait(timeout=60)
    resumed = tsdia_run("resume", "runs/quickstart", cwd=clone, limit_s=180)
    assert resumed.returncode == 0, f"killed at step {kill_at}: {resumed.stderr}"
    states = [attempt["state"] for attempt in record_of(run_dir)["attempts"]]
    assert states == ["failed", "completed"]
    assert losses(run_dir) == expected, f"killed at step {kill_at}"


def ranks_of(run_dir: Path) -> list[int]:
    """Return the training processes: those whose script is the bootstrap."""
    tag = f"TSDIA_RUN_ID={record_of(run_dir)['run_id']}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environ, argv = (folder / "environ").read_bytes(), (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if tag in environ.split(b"\0") and any(word.endswith(b"bootstrap.py") for word in argv[1:3]):
            found.append(int(folder.name))
    return found
