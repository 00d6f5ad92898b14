"""The quickstart as a newcomer meets it, made short through --set."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.command import log_of, record_of, tsdia_run

ROOT = Path(__file__).parents[2]
SHORT = (
    "data.max_length=20000",
    "model.hidden_size=16",
    "training.checkpoint.interval=4",
    "training.validation.interval=4",
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The configs, in a repository of their own."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize("ranks", [1, 2])
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


def test_the_second_example_saves_by_the_helper_and_goes_on(clone: Path) -> None:
    done = tsdia_run("new", "configs/helper.yml", "--set", "training.steps=100", cwd=clone, limit_s=120)
    assert done.returncode == 0, done.stderr
    run_dir = clone / "runs" / "helper"
    assert (run_dir / "best_checkpoint").resolve().name.startswith("checkpoint-epoch0-step")
    resumed = tsdia_run("resume", "runs/helper", "--again", "--set", "training.steps=150", cwd=clone, limit_s=120)
    assert resumed.returncode == 0, resumed.stderr
    assert "from step 100" in resumed.stdout
    assert (run_dir / "checkpoint-epoch0-step150").is_dir()
