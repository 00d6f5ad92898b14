"""The installed command, started as a user starts it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

TWO_RANKS = ("--launcher", "accelerate", "--num-processes", "2")
COMMAND = str(Path(sys.executable).with_name("tsdia-run"))


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the tester's environment without variables that change a run, without an Accelerate config and a list of
    runs.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TSDIA_RUN_", "ACCELERATE_", "WANDB_")) and name not in ("VIRTUAL_ENV", "CONDA_PREFIX")
    }
    ours = {"HF_HOME": "/nonexistent", "CUDA_VISIBLE_DEVICES": "", "XDG_STATE_HOME": os.path.join(os.devnull, "state")}
    ours["XDG_CONFIG_HOME"] = os.path.join(os.devnull, "config")
    return {**kept, **ours, **(changes or {})}


def tsdia_run(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, limit_s: float = 60, encoding: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command until it exits."""
    return subprocess.run(
        [COMMAND, *words],
        cwd=cwd,
        env=environment(env),
        capture_output=True,
        text=True,
        encoding=encoding,
        timeout=limit_s,
        stdin=subprocess.DEVNULL,
        check=False,
    )


class Starter:
    """Start the command without waiting for it; kill its remaining processes, training included, when the test ends."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []
        self._mark = {"STARTED_BY_TEST": secrets.token_hex(8)}

    def __call__(self, *words: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start the command."""
        running = subprocess.Popen(
            [COMMAND, *words],
            cwd=cwd,
            env={**environment(env), **self._mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(running)
        return running

    def close(self) -> None:
        """Kill and reap all processes."""
        for running in self._started:
            running.kill()
        ((name, value),) = self._mark.items()
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):  # it has exited
                if f"{name}={value}\0".encode() in path.read_bytes():
                    os.kill(int(path.parent.name), signal.SIGKILL)
        for running in self._started:
            with running:
                pass


def wait_for(running: subprocess.Popen[str], *words: str) -> str:
    """Read the command's standard output until a line contains one of the words; return that line."""
    assert running.stdout
    for line in running.stdout:
        if any(word in line for word in words):
            return line
    raise AssertionError(f"ended without {words}: {running.stderr.read() if running.stderr else ''}")


def wait_until(condition: Callable[[], bool], limit_s: float = 60) -> None:
    """Wait until a condition is true."""
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come"
        time.sleep(0.02)


def record_of(run_dir: Path) -> dict[str, Any]:
    """Return run.json as any reader sees it."""
    data = json.loads((run_dir / "run.json").read_text())
    assert isinstance(data, dict)
    return data


def log_of(run_dir: Path, attempt: int = 0) -> str:
    """Return the log of an attempt, with its header and footer."""
    name: str = record_of(run_dir)["attempts"][attempt]["log"]
    return (run_dir / name).read_text()


def lines_of(run_dir: Path, attempt: int = 0) -> list[str]:
    """Return the training's own lines in the log of an attempt."""
    return [line for line in log_of(run_dir, attempt).splitlines() if not line.startswith("[tsdia-run: ")]
