"""The quickstart as a new user runs it, shortened with --set."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.command import Starter, log_of, record_of, tsdia_run, wait_until
from tests.support.slow import slow

ROOT = Path(__file__).parents[2]
SHORT = (
    "data.max_length=20000",
    "model.hidden_size=16",
    "training.checkpoint.interval=4",
    "training.validation.interval=4",
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Copy the configs into a separate repository."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize("ranks", [1, *slow(2)])  # test_exactness.py has two ranks
def test_the_quickstart_trains_is_refused_and_resumes(clone: Path, ranks: int) -> None:
    words = ("configs/quickstart.yml", "--num-processes", str(ranks))
    settings = [word for setting in SHORT for word in ("--set", setting)]
    done = tsdia_run("new", *words, *settings, "--set", "training.epochs=1", cwd=clone, limit_s=120)
    assert done.returncode == 0, done.stderr
    assert f"on {ranks} x cpu" in done.stdout
    run_dir = clone / "runs" / "quickstart"
    assert (run_dir / "config.yml").read_bytes() == (clone / "configs" / "quickstart.yml").read_bytes()
    assert list(run_dir.glob("char_lm/**/events.out.tfevents.*"))
    saved = sorted(run_dir.glob("checkpoint-epoch1-step*"))
    assert saved
    assert set(done.stdout.splitlines()) <= set(log_of(run_dir).splitlines())

    refused = tsdia_run("new", *words, cwd=clone)
    assert refused.returncode == 73
    assert "a completed run" in refused.stderr

    resumed = tsdia_run("resume", "runs/quickstart", "--again", "--set", "training.epochs=2", cwd=clone, limit_s=120)
    assert resumed.returncode == 0, resumed.stderr
    record = record_of(run_dir)
    assert [attempt["state"] for attempt in record["attempts"]] == ["completed", "completed"]
    assert "resumed from" in log_of(run_dir, 1)
    assert list(run_dir.glob("checkpoint-epoch2-step*"))
    command = json.loads((run_dir / "attempts" / "1" / "command.json").read_text())
    assert command["settings"]["accelerate"]["num_processes"] == ranks


def test_the_second_example_saves_with_the_helper_and_resumes(clone: Path) -> None:
    done = tsdia_run("new", "configs/helper.yml", "--set", "training.steps=100", cwd=clone, limit_s=120)
    assert done.returncode == 0, done.stderr
    run_dir = clone / "runs" / "helper"
    assert (run_dir / "best_checkpoint").resolve().name.startswith("checkpoint-epoch0-step")
    resumed = tsdia_run("resume", "runs/helper", "--again", "--set", "training.steps=150", cwd=clone, limit_s=120)
    assert resumed.returncode == 0, resumed.stderr
    assert "starting at step 100" in resumed.stdout
    assert (run_dir / "checkpoint-epoch0-step150").is_dir()


def commands_of_the_tutorial() -> list[list[str]]:
    """Return the words of each `tsdia-run` command in the fenced examples of docs/quickstart.md, in their order."""
    text = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:bash|console)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line.removeprefix("$ "), comments=True) for block in blocks for line in block.splitlines()]
    return [words[1:] for words in lines if words and words[0] in ("tsdia-run", ".venv/bin/tsdia-run")]


def test_every_command_of_the_tutorial_works_as_described(clone: Path, start: Starter) -> None:
    config = clone / "configs" / "quickstart.yml"
    values = {"max_length": 20000, "hidden_size": 16, "interval": 4, "epochs": 3}
    text = config.read_text()
    for key, value in values.items():
        text = re.sub(rf"(?m)^( +{key}:) \d+", rf"\1 {value}", text)
    config.write_text(text)
    (clone / "your_config.yml").write_text("training: {checkpoint: {save_dir: runs/yours, resume: null}}\n")
    (clone / "your_script.py").touch()
    codes = []
    for words in commands_of_the_tutorial():
        if "interrupted" in words:
            running = start(*words, cwd=clone)
            wait_until(lambda: any((clone / "runs" / "interrupted").glob("checkpoint-*/tsdia-checkpoint.json")))
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=60)
            codes.append(running.returncode)
        else:
            codes.append(tsdia_run(*words, cwd=clone, limit_s=120).returncode)
    assert codes == [0, 73, -signal.SIGINT, 0, 0, 0, 0, 0]
    assert record_of(clone / "runs" / "interrupted")["state"] == "completed"
