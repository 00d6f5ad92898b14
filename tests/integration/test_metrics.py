"""metrics.jsonl of a real Accelerator, with one and two ranks, for every way to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import environment
from tests.support.faulty_files import REPLACEMENTS
from tests.support.zygote import Zygote
from tsdia_run.launch.command import BOOTSTRAP, RANKS_LAUNCHER

SETTINGS = {"settings": {"metrics": {"validation": ["val_*", "*/val"]}}}
HEAD = """\
import os, signal, sys
import numpy as np
import torch
from accelerate import Accelerator
accelerator = Accelerator(cpu=True, log_with={trackers}, project_dir={folder!r})
"""


class Run:
    """A run directory whose attempts contain only the files that the hook reads."""

    def __init__(self, folder: Path, trainings: Zygote) -> None:
        self.folder = folder
        self._trainings = trainings
        self.file = folder / "run" / "metrics.jsonl"

    def attempt(
        self, body: str, number: int = 0, *, ranks: int = 1, trackers: str = "None"
    ) -> subprocess.CompletedProcess[str]:
        attempt = self.folder / "run" / "attempts" / str(number)
        attempt.mkdir(parents=True)
        (attempt / "command.json").write_text(json.dumps(SETTINGS))
        script = self.folder / "train.py"
        script.write_text(HEAD.format(trackers=trackers, folder=str(self.folder)) + body)
        variables = {
            "TSDIA_RUN_DIR": str(self.folder / "run"),
            "TSDIA_RUN_ATTEMPT": str(number),
            "TSDIA_RUN_HOOKS": "metrics",
            "ACCELERATE_USE_CPU": "true",
        }
        env = {**environment(), **variables}
        if ranks == 1:
            ended = self._trainings.run(str(script), cwd=self.folder, env=env)
            return subprocess.CompletedProcess([str(script)], ended.code, ended.out, ended.err)
        flags = ["--multi_gpu", "--num_processes", str(ranks), "--main_process_port", "0"]
        argv = [sys.executable, str(RANKS_LAUNCHER), *flags, str(BOOTSTRAP), str(script)]
        return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)

    def lines(self) -> list[dict[str, Any]]:
        def refuse(token: str) -> None:
            raise AssertionError(f"{token} is not JSON")

        return [json.loads(line, parse_constant=refuse) for line in self.file.read_text().splitlines()]


@pytest.fixture
def run(tmp_path: Path, trainings: Zygote) -> Run:
    return Run(tmp_path, trainings)


def test_every_scalar_is_logged_as_a_number_and_other_values_are_named_once(run: Run) -> None:
    ended = run.attempt(
        "values = {'a': 1, 'b': 2.5, 't': torch.tensor(0.5), 'n': np.float32(0.25), 'one': torch.ones(1), 'ok': True,\n"
        "  'nan': float('nan'), 'inf': -torch.tensor(float('inf')), 'step': 9,\n"
        "  'chart': {'x': 1, 'y': 2}, 'text': 'no',\n"
        "  'many': torch.ones(3)}\n"
        "accelerator.log(values, step=5)\n"
        "accelerator.log(values, step=np.int64(6))\n"
        "accelerator.log({'val_loss': 1.0})\n"
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ""  # no tracker received the validation metrics
    first, second, third = run.lines()
    assert {name: value for name, value in first.items() if name != "time"} == {
        "step": 5, "attempt": 0, "a": 1, "b": 2.5, "t": 0.5, "n": 0.25, "one": 1.0, "ok": True, "nan": "NaN",
        "inf": "-Infinity", "logged/step": 9, "chart/x": 1, "chart/y": 2,
    }  # fmt: skip
    assert second["step"] == 6
    assert third["step"] is None
    assert ended.stderr.count("text is not a number (str): not written to metrics.jsonl") == 1
    assert ended.stderr.count("many is not a number (Tensor): not written to metrics.jsonl") == 1


@pytest.mark.parametrize(
    "end",
    ["sys.exit(3)", "raise ValueError", "os.kill(os.getpid(), 15)", "os.kill(os.getpid(), 9)", "os._exit(1)"],
)  # fmt: skip
def test_every_finished_call_is_in_the_file(run: Run, end: str) -> None:
    run.attempt(f"for step in range(500):\n    accelerator.log({{'loss': step / 3}}, step=step)\n{end}\n")
    assert [line["step"] for line in run.lines()] == list(range(500))


def test_an_incomplete_last_line_is_not_joined_to_the_next_attempt(run: Run) -> None:
    run.attempt("accelerator.log({'loss': 1.0}, step=1)\n")
    with run.file.open("a") as file:
        file.write('{"step": 2, "ti')
    run.attempt("accelerator.log({'loss': 3.0}, step=3)\n", 1)
    good = [line for line in run.file.read_text().splitlines() if line.endswith("}")]
    assert [json.loads(line)["attempt"] for line in good] == [0, 1]


def test_only_the_main_rank_writes_and_forks_write_nothing(run: Run) -> None:
    ended = run.attempt(
        "for step in range(50):\n    accelerator.log({'loss': 1.0, 'rank': accelerator.process_index}, step=step)\n"
        "if accelerator.is_main_process and os.fork() == 0:\n"
        "    accelerator.log({'loss': 2.0}, step=99)\n    os._exit(0)\n",
        ranks=2,
    )
    assert ended.returncode == 0, ended.stderr
    assert [(line["step"], line["rank"]) for line in run.lines()] == [(step, 0) for step in range(50)]


def test_validation_metrics_are_confirmed_once_the_trackers_received_them(run: Run) -> None:
    body = (
        "from accelerate.tracking import GeneralTracker\n"
        "class Tracker(GeneralTracker):\n"
        "    name, requires_logging_directory, tracker = 'mine', False, None\n"
        "    def store_init_configuration(self, values): pass\n"
        "    def log(self, values, step=None, **_):\n"
        "        if step == 13: raise RuntimeError('unreachable')\n"
        "accelerator.trackers = [Tracker()]\n"
        "accelerator.log({'loss': 1.0}, step=11)\n"
        "accelerator.log({'loss': 1.0, 'val_loss': 1.0}, step=12)\n"
        "accelerator.log({'acc/val': 1.0}, step=13)\n"
    )
    ended = run.attempt(body)
    assert "unreachable" in ended.stderr
    assert ended.stdout == "✓ Validation metrics logged to trackers at step 12\n"
    assert [line["step"] for line in run.lines()] == [11, 12, 13]


LOGS_FIVE_TIMES = "for step in range(5):\n    accelerator.log({'loss': 1.0}, step=step)\nprint('done')\n"


@pytest.fixture
def full_disk(run: Run, tmp_path: Path) -> Iterator[None]:
    """Let metrics.jsonl be a file on a disk without space."""
    disk = tmp_path / "disk"
    disk.mkdir()
    run.file.parent.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)], check=True)
    (disk / "metrics.jsonl").touch()
    run.file.touch()
    subprocess.run(["mount", "--bind", str(disk / "metrics.jsonl"), str(run.file)], check=True)
    with pytest.raises(OSError, match="No space left"):
        (disk / "rest").write_bytes(bytes(64 * 1024))
    yield
    for mounted in (run.file, disk):
        subprocess.run(["umount", str(mounted)], check=True)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts a small tmpfs")
@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_one_warning(run: Run) -> None:
    ended = run.attempt(LOGS_FIVE_TIMES)
    assert (ended.returncode, ended.stdout) == (0, "done\n")
    assert ended.stderr.count("the metrics hook failed") == 1
    assert "No space left" in ended.stderr


@pytest.mark.parametrize("kind", ["link to another file", "pipe", "socket", "terminal"])
def test_a_file_that_is_not_regular_is_one_warning_and_is_not_written(run: Run, tmp_path: Path, kind: str) -> None:
    run.file.parent.mkdir(parents=True)
    other = tmp_path / "other"
    other.write_text("mine\n")
    if kind in REPLACEMENTS:
        REPLACEMENTS[kind](run.file)
    else:
        run.file.symlink_to(other)
    ended = run.attempt(LOGS_FIVE_TIMES)
    assert (ended.returncode, ended.stdout) == (0, "done\n")
    assert ended.stderr.count("the metrics hook failed") == 1
    assert other.read_text() == "mine\n"


def test_ascii_output_works(run: Run) -> None:
    ended = run.attempt(
        "sys.stdout.reconfigure(encoding='ascii')\n"
        "class Tracker:\n    name = 'x'\n    def log(self, *a, **k): pass\n"
        "accelerator.trackers = [Tracker()]\naccelerator.log({'val_loss': 1.0}, step=1)\n"
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "? Validation metrics logged to trackers at step 1\n"
