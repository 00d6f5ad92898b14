"""Runs whose checkpoints are files, are behind symlinks, or have custom names are resumed, listed and guarded."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support import checkpoints as made
from tests.support.command import record_of, tsdia_run
from tests.support.layouts import tensors, torch

RESUMABLE = 'launcher: python\nresume_args: ["--load", "{checkpoint}", "--named", "{checkpoint_name}"]\n'


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Make a failed run without checkpoints; a resume prints its arguments."""
    (tmp_path / "tsdia-run.yml").write_text(RESUMABLE)
    (tmp_path / "train.py").write_text("import sys\nprint(sys.argv[1:])\nsys.exit('--load' not in sys.argv)\n")
    assert tsdia_run("new", "--name", "a", cwd=tmp_path).returncode == 1
    return tmp_path / "runs" / "a"


def resumed(run: Path, *words: str) -> str:
    done = tsdia_run("resume", *(words or ("runs/a",)), cwd=run.parents[1])
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def info(run: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(tsdia_run("info", "runs/a", "--json", cwd=run.parents[1]).stdout)
    return found


def test_a_checkpoint_file_is_chosen_shown_superseded_and_named(run: Path) -> None:
    torch(*(run / f"model_{step}.pt" for step in (9, 10, 11)))
    (run / "model_11.pt").write_bytes(b"PK\x03\x04cut")
    assert resumed(run) == f"['--load', '{run}/model_10.pt', '--named', 'model_10.pt']"
    assert record_of(run)["attempts"][1]["checkpoint"] == "model_10.pt"
    shown = tsdia_run("info", "runs/a", cwd=run.parents[1]).stdout
    assert "model_11.pt" in shown
    assert "incomplete: the zip directory at its end is cut off or damaged" in shown
    assert f"{run}/model_9.pt" in resumed(run, "runs/a", "--from", "model_9.pt", "--again")
    assert record_of(run)["attempts"][2]["superseded"] == ["model_10.pt", "model_11.pt"]
    assert f"{run}/model_9.pt" in resumed(run, "runs/a", "--again")
    assert f"{run}/model_10.pt" in resumed(run, "runs/a/model_10.pt", "--again")
    assert [(one["name"], one["is_superseded"]) for one in info(run)["checkpoints"]] == [  # type: ignore[attr-defined]
        ("model_9.pt", False),
        ("model_10.pt", False),
        ("model_11.pt", True),
    ]


def test_exports_are_listed_and_only_resumed_from_on_request(run: Path) -> None:
    tensors(run / "best_model" / "model.safetensors", run / "final.safetensors")
    refused = tsdia_run("resume", "runs/a", cwd=run.parents[1])
    assert refused.returncode == 65
    assert "only weights: best_model, final.safetensors" in refused.stderr
    for words in (["runs/a", "--from", "best_model"], ["runs/a/best_model"]):
        refused = tsdia_run("resume", *words, "--again", cwd=run.parents[1])
        assert refused.returncode == 2
        assert "best_model contains only weights" in refused.stderr
        assert "--allow weights" in refused.stderr
        assert f"'{run}/best_model'" in resumed(run, *words, "--allow", "weights", "--again")
    assert info(run)["exports"] == ["best_model", "final.safetensors"]
    assert "final.safetensors" in tsdia_run("info", "runs/a", cwd=run.parents[1]).stdout
    made.state(run / "checkpoint-5")
    assert f"'{run}/checkpoint-5'" in resumed(run, "runs/a", "--again")


def test_checkpoints_behind_links_stay_part_of_their_run(run: Path, tmp_path: Path) -> None:
    made.state(tmp_path / "scratch" / "checkpoint_9")
    made.state(tmp_path / "scratch" / "checkpoint_10")
    (run / "checkpoints").symlink_to(tmp_path / "scratch")
    (run / "latest").symlink_to("checkpoints/checkpoint_10")
    (run / "best_checkpoint").symlink_to("checkpoints/checkpoint_9")
    newest = f"['--load', '{run}/checkpoints/checkpoint_10', '--named', 'checkpoint_10']"
    for words in (["runs/a"], ["runs/a/latest"], ["runs/a", "--from", "latest"], ["runs/a/checkpoints/checkpoint_10"]):
        assert resumed(run, *words, "--again") == newest
    assert [attempt["checkpoint"] for attempt in record_of(run)["attempts"][1:]] == ["checkpoints/checkpoint_10"] * 4
    assert "checkpoint_9'" in resumed(run, "runs/a", "--from", "best", "--again")
    found = info(run)["checkpoints"]
    assert [(one["name"], one["is_best"]) for one in found] == [  # type: ignore[attr-defined]
        ("checkpoints/checkpoint_9", True),
        ("checkpoints/checkpoint_10", False),
    ]


def test_every_reader_uses_a_pattern_for_unknown_names(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import os, sys\nprint(sys.argv[1:])\nos.makedirs('runs/a/weights', exist_ok=True)\n"
        "'--load' in sys.argv and open(sys.argv[sys.argv.index('--load') + 1], 'rb').read()\n"
        "for step in (9, 10):\n    open(f'runs/a/weights/ck-{step}.msgpack', 'wb').write(b'x')\n"
        "sys.exit('--load' not in sys.argv)\n"
    )
    settings = tmp_path / "tsdia-run.yml"
    with_pattern = RESUMABLE + "checkpoints: {pattern: 'weights/ck-{step}.msgpack'}\n"
    settings.write_text(with_pattern)
    done = tsdia_run("new", "--name", "a", cwd=tmp_path)
    assert "newest weights/ck-10.msgpack" in done.stderr
    run = tmp_path / "runs" / "a"
    settings.write_text(RESUMABLE)
    assert [one["step"] for one in info(run)["checkpoints"]] == [9, 10]  # type: ignore[attr-defined]
    settings.write_text(with_pattern)
    assert "'--named', 'ck-10.msgpack'" in resumed(run)
    assert "'--named', 'ck-9.msgpack'" in resumed(run, "runs/a", "--from", "9", "--again")
    assert record_of(run)["digest"]["checkpoints"] == 2
    settings.write_text(RESUMABLE + "checkpoints: {pattern: '/ck-{step}'}\n")
    refused = tsdia_run("new", "--name", "b", cwd=tmp_path)
    assert refused.returncode == 78
    assert "tsdia-run.yml" in refused.stderr
    assert "`checkpoints.pattern` must be a glob in the run directory" in refused.stderr


def test_checkpoint_files_not_created_by_tsdia_run_are_adopted(tmp_path: Path) -> None:
    (tmp_path / "tsdia-run.yml").write_text(RESUMABLE)
    (tmp_path / "train.py").write_text("import sys\nprint(sys.argv[1:])\n")
    torch(tmp_path / "out" / "ckpt.pt", tmp_path / "two" / "checkpoints" / "epoch=3-step=99.ckpt")
    for target, named in (
        ("out", "out/ckpt.pt"),
        ("two/checkpoints/epoch=3-step=99.ckpt", "two/checkpoints/epoch=3-step=99.ckpt"),
    ):
        done = tsdia_run("resume", target, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"['--load', '{tmp_path}/{named}'," in done.stdout
    assert (tmp_path / "two" / "run.json").exists()
    assert record_of(tmp_path / "two")["attempts"][1]["checkpoint"] == "checkpoints/epoch=3-step=99.ckpt"
    made.state(tmp_path / "three" / "step_9" / "state")
    done = tsdia_run("resume", "three/step_9", cwd=tmp_path)
    assert f"'{tmp_path}/three/step_9'" in done.stdout


def test_a_checkpoint_saved_on_a_signal_is_the_newest(run: Path) -> None:
    for at, name in enumerate(("epoch-9", "epoch-11", "interrupted")):
        for path in made.state(run / name).iterdir():
            os.utime(path, (1000 + at, 1000 + at))
    assert f"'{run}/interrupted'" in resumed(run)
    assert f"'{run}/epoch-11'" in resumed(run, "runs/a", "--from", "epoch-11", "--again")
    assert record_of(run)["attempts"][2]["superseded"] == ["interrupted"]
