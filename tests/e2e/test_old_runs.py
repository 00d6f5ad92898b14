"""Runs of earlier versions can be read, resumed and compared; the output of ``--json`` only gains keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import record_of, tsdia_run
from tests.support.old_runs import unpack


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return unpack(tmp_path)


def has_all_of(old: Any, new: Any, where: str = "") -> None:
    """Return whether the new output has every key of the old one, with a value of the same type."""
    if isinstance(old, dict):
        for key, value in old.items():
            assert key in new, f"{where}.{key} is missing"
            has_all_of(value, new[key], f"{where}.{key}")
    elif isinstance(old, list):
        assert isinstance(new, list) and len(new) >= len(old), where
        for number, (one, other) in enumerate(zip(old, new, strict=False)):
            has_all_of(one, other, f"{where}[{number}]")
    elif old is not None:
        assert isinstance(new, type(old)), f"{where}: {new!r} is not like {old!r}"


def test_list_shows_them(project: Path) -> None:
    done = tsdia_run("list", "runs", "--json", cwd=project)
    rows = {row["name"]: row for row in json.loads(done.stdout)["runs"]}
    assert {name: row["state"] for name, row in rows.items()} == {
        "done": "completed",
        "killed": "failed",
        "resumed": "completed",
        "flags": "failed",
    }
    assert (rows["done"]["step"], rows["killed"]["step"], rows["flags"]["checkpoints"]) == (6, 5, 2)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("list.json", ["list", "runs", "--json"]),
        ("info.json", ["info", "--json", "runs/resumed"]),
        ("compare.json", ["compare", "runs/done", "runs/resumed", "--json"]),
    ],
)
def test_the_keys_of_json_output_are_kept(project: Path, name: str, words: list[str]) -> None:
    done = tsdia_run(*words, cwd=project)
    assert done.returncode == 0, done.stderr
    has_all_of(json.loads((project / name).read_text()), json.loads(done.stdout))


def test_info_shows_attempts_and_checkpoints(project: Path) -> None:
    done = tsdia_run("info", "runs/resumed", cwd=project)
    assert done.returncode == 0
    for text in ("ValueError: boom", "checkpoint-epoch0-step6", "training.lr=0.02", "train/loss"):
        assert text in done.stdout


def test_resume_continues_a_killed_run(project: Path) -> None:
    done = tsdia_run("resume", "runs/killed", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "step 5: loss 0.026360" in done.stdout  # as in the run that was not killed
    attempts = record_of(project / "runs" / "killed")["attempts"]
    assert [attempt["state"] for attempt in attempts] == ["failed", "completed"]
    assert attempts[1]["checkpoint"] == "checkpoint-epoch0-step4"


def test_ensure_resumes_unfinished_runs_and_skips_completed_ones(project: Path) -> None:
    skipped = tsdia_run("ensure", "done.yml", cwd=project)
    assert skipped.returncode == 0
    assert len(record_of(project / "runs" / "done")["attempts"]) == 1
    resumed = tsdia_run("ensure", "killed.yml", cwd=project)
    assert resumed.returncode == 0, resumed.stderr
    assert record_of(project / "runs" / "killed")["attempts"][1]["state"] == "completed"


def test_compare_shows_the_differences(project: Path) -> None:
    done = tsdia_run("compare", "runs/done", "runs/killed", cwd=project)
    assert done.returncode == 0
    assert "training.dies_at" in done.stdout


def test_a_run_without_a_config_is_resumed_once_its_script_receives_the_checkpoint(project: Path) -> None:
    refused = tsdia_run("resume", "runs/flags", cwd=project)
    assert refused.returncode == 78
    assert "the script does not receive the checkpoint to resume from" in refused.stderr
    script = project / "flags.py"
    path = 'sys.argv[sys.argv.index("--load") + 1] + "/pytorch_model.bin"'
    reads = f'if "--load" in sys.argv:\n    open({path}, "rb").read()\n'
    script.write_text(script.read_text().replace("for step", f"{reads}for step"))
    done = tsdia_run("resume", "runs/flags", "--resume-args", "--load {checkpoint}", cwd=project)
    assert done.returncode == 0, done.stderr
