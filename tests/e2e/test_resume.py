from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.command import Starter, record_of, tsdia_run

SCRIPT = """\
import json, os, sys, yaml
config = yaml.safe_load(open(sys.argv[2]))
checkpoint = config["training"]["checkpoint"]
told = os.environ.get("TSDIA_RUN_CHECKPOINT")
print(json.dumps({"argv": sys.argv, "cwd": os.getcwd(), "config": config, "from": told}))
for step in (5, 20, 100):
    os.makedirs(f"{checkpoint['save_dir']}/checkpoint-epoch0-step{step}", exist_ok=True)
sys.exit(1 if checkpoint["resume"] is None else 0)
"""


@pytest.fixture
def failed_run(project: Path) -> Path:
    (project / "train.py").write_text(SCRIPT)
    done = tsdia_run("new", "config.yml", "--set", "training.epochs=7", "--", "--fast", cwd=project)
    assert done.returncode == 1
    assert "tsdia-run resume runs/exp" in done.stderr
    return project / "runs" / "exp"


def test_the_newest_checkpoint_by_step_and_everything_as_before(failed_run: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = tsdia_run("resume", str(failed_run), cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    newest = str(failed_run / "checkpoint-epoch0-step100")
    assert seen["from"] == newest
    assert seen["config"]["training"]["checkpoint"]["resume"] == newest
    assert seen["config"]["training"]["epochs"] == 7
    assert "tsdia_run" not in seen["config"]
    assert seen["argv"] == ["train.py", "--config", str(failed_run / "attempts/1/config.yml"), "--fast"]
    assert seen["cwd"] == str(failed_run.parent.parent)


def test_the_earlier_attempt_stays_as_it_was(failed_run: Path) -> None:
    before = {
        path: path.read_bytes() for folder in ("attempts/0", "logs") for path in (failed_run / folder).iterdir()
    } | {failed_run / "config.yml": (failed_run / "config.yml").read_bytes()}
    assert tsdia_run("resume", str(failed_run), cwd=failed_run).returncode == 0
    assert {path: path.read_bytes() for path in before} == before
    record = record_of(failed_run)
    assert [attempt["number"] for attempt in record["attempts"]] == [0, 1]
    assert record["attempts"][1]["checkpoint"] == "checkpoint-epoch0-step100"
    assert re.fullmatch(r"logs/training_resume_1_\d{8}_\d{6}\.log", record["attempts"][1]["log"])


def test_a_named_checkpoint_also_through_a_link_and_with_a_slash(failed_run: Path) -> None:
    (failed_run / "best_checkpoint").symlink_to("checkpoint-epoch0-step20")
    for name in ("checkpoint-epoch0-step20/", "best_checkpoint"):
        done = tsdia_run("resume", f"runs/exp/{name}", "--dry-run", "--json", cwd=failed_run.parent.parent)
        assert json.loads(done.stdout)["checkpoint"] == str(failed_run / "checkpoint-epoch0-step20")


def test_overrides_and_arguments_are_added(failed_run: Path) -> None:
    done = tsdia_run("resume", str(failed_run), "--set", "training.epochs=9", "--", "--slow", cwd=failed_run)
    seen = json.loads(done.stdout)
    assert seen["config"]["training"]["epochs"] == 9
    assert seen["argv"][-2:] == ["--fast", "--slow"]


def test_resume_args_take_the_place_of_a_key(project: Path) -> None:
    (project / "config.yml").write_text(
        "out: x\ntsdia_run:\n  launcher: python\n  run_dir_key: out\n"
        '  resume_args: ["--resume_from_checkpoint", "{checkpoint_name}"]\n'
    )
    (project / "train.py").write_text(
        "import os, sys, yaml\n"
        "out = yaml.safe_load(open(sys.argv[2]))['out']\n"
        "os.makedirs(out + '/checkpoint-30', exist_ok=True)\n"
        "print(sys.argv[3:])\n"
    )
    assert tsdia_run("new", "config.yml", cwd=project).stdout == "[]\n"
    assert tsdia_run("resume", "x", cwd=project).stdout == "['--resume_from_checkpoint', 'checkpoint-30']\n"


def test_a_run_without_a_checkpoint_says_how_to_start_again(project: Path) -> None:
    (project / "train.py").write_text("raise SystemExit(1)\n")
    tsdia_run("new", "config.yml", cwd=project)
    done = tsdia_run("resume", "runs/exp", cwd=project)
    assert done.returncode == 65
    assert f"tsdia-run new {project}/config.yml --move-aside" in done.stderr


def test_what_is_no_checkpoint_lists_those_that_are(failed_run: Path) -> None:
    done = tsdia_run("resume", str(failed_run / "logs"), cwd=failed_run)
    assert done.returncode == 65
    assert "checkpoint-epoch0-step100" in done.stderr


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"schema": 1}', b"\xff\xfe", b'{"schema": 9}'])
def test_a_damaged_record_is_a_clear_error(failed_run: Path, damage: bytes) -> None:
    (failed_run / "run.json").write_bytes(damage)
    done = tsdia_run("resume", str(failed_run), cwd=failed_run)
    assert done.returncode == 65
    assert "run.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_live_run_is_not_resumed(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(
        "import os, sys\nos.makedirs('runs/exp/checkpoint-epoch0-step5')\nprint('ready', flush=True)\n"
        "import pathlib, time\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.02)\n"
    )
    running = start("new", "config.yml", cwd=project)
    assert running.stdout
    running.stdout.readline()
    refused = tsdia_run("resume", "runs/exp", cwd=project)
    assert refused.returncode == 75
    assert f"pid {running.pid}" in refused.stderr
    (project / "go").touch()
    running.communicate(timeout=30)
    assert running.returncode == 0


def test_secrets_are_asked_for_again_rather_than_recorded(project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    tsdia_run("new", "config.yml", "--", "--api-key", "s3cr3t-canary-value", cwd=project)
    assert "s3cr3t-canary-value" not in (project / "runs/exp/attempts/0/command.json").read_text()
    done = tsdia_run("resume", "runs/exp", cwd=project)
    assert done.returncode == 2
    assert "secret" in done.stderr
