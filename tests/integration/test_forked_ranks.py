"""Ranks that the script forks itself: notebook_launcher, debug_launcher. Only the main rank logs, each call once."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.support.command import tsdia_run

SCRIPT = """\
import os, sys
def train(run_dir):
    from accelerate import Accelerator
    accelerator = Accelerator(cpu=True, log_with="wandb")
    accelerator.init_trackers("p")
    for step in range(3):
        accelerator.log({{"loss": 1.0, "rank": accelerator.process_index}}, step=step)
    if os.fork() == 0:
        accelerator.log({{"loss": 2.0}}, step=99)
        os._exit(0)
    os.wait()
    accelerator.end_training()
import accelerate
{launch}
"""
LAUNCHES = {
    "notebook_launcher": "accelerate.notebook_launcher(train, (sys.argv[1],), num_processes=2, use_port={port!r})",
    "notebook_launcher, one": "accelerate.notebook_launcher(train, (sys.argv[1],), num_processes=1)",
    "debug_launcher": "accelerate.debug_launcher(train, (sys.argv[1],), num_processes=2)",
}


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.mark.parametrize("launch", LAUNCHES)
def test_the_main_rank_logs_once(tmp_path: Path, launch: str) -> None:
    (tmp_path / "train.py").write_text(SCRIPT.format(launch=LAUNCHES[launch].format(port=free_port())))
    env = {"ACCELERATE_USE_CPU": "true", "WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    done = tsdia_run("new", "--name", "x", "--", "{run_dir}", cwd=tmp_path, env=env, limit_s=120)
    assert done.returncode == 0, done.stderr
    run_dir = tmp_path / "runs/x"
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["rank"]) for line in lines] == [(step, 0) for step in range(3)]
    identity = json.loads((run_dir / "run.json").read_text())["wandb_id"]
    assert json.loads((run_dir / "wandb_info.json").read_text())["run_id"] == identity
    assert len(list(run_dir.glob(f"wandb/offline-run-*-{identity}"))) == 1
