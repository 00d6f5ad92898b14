"""The installed command, as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

TWO_RANKS = ("--launcher", "accelerate", "--num-processes", "2")
COMMAND = str(Path(sys.executable).with_name("tsdia-run"))


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """The tester's environment without what would steer a run, and with no Accelerate config of his."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TSDIA_RUN_", "ACCELERATE_", "WANDB_")) and name not in ("VIRTUAL_ENV", "CONDA_PREFIX")
    }
    return {**kept, "HF_HOME": "/nonexistent", "CUDA_VISIBLE_DEVICES": "", **(changes or {})}


def tsdia_run(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, limit_s: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [COMMAND, *words],
        cwd=cwd,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=limit_s,
        stdin=subprocess.DEVNULL,
        check=False,
    )


class Starter:
    """Starts the command and comes back; ends what is left at the end of the test."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def __call__(self, *words: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start the command."""
        running = subprocess.Popen(
            [COMMAND, *words],
            cwd=cwd,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(running)
        return running

    def close(self) -> None:
        """End and reap everything."""
        for running in self._started:
            with running:
                running.kill()


def wait_for(running: subprocess.Popen[str], *words: str) -> str:
    """Read the command's standard output up to a line with one of the words: that line."""
    assert running.stdout
    for line in running.stdout:
        if any(word in line for word in words):
            return line
    raise AssertionError(f"ended without {words}: {running.stderr.read() if running.stderr else ''}")


def wait_until(condition: Callable[[], bool], limit_s: float = 60) -> None:
    """Until something holds."""
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come"
        time.sleep(0.02)


def record_of(run_dir: Path) -> dict[str, Any]:
    """run.json as any reader would see it."""
    data = json.loads((run_dir / "run.json").read_text())
    assert isinstance(data, dict)
    return data


def log_of(run_dir: Path, attempt: int = 0) -> str:
    """The log of an attempt, with its header and footer."""
    name: str = record_of(run_dir)["attempts"][attempt]["log"]
    return (run_dir / name).read_text()


def lines_of(run_dir: Path, attempt: int = 0) -> list[str]:
    """The training's own lines in the log of an attempt."""
    return [line for line in log_of(run_dir, attempt).splitlines() if not line.startswith("[tsdia-run: ")]
