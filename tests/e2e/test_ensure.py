from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.command import Starter, record_of, tsdia_run, wait_until
from tests.support.faulty_calls import Fault
from tests.support.zygote import Zygote

# Fails until a file `go` exists; saves a checkpoint first if a file `save` exists.
SCRIPT = """\
import os, sys, yaml
checkpoint = yaml.safe_load(open(sys.argv[2]))["training"]["checkpoint"]
print("from", checkpoint["resume"] and os.path.basename(checkpoint["resume"]))
if os.path.exists("save"):
    os.makedirs(checkpoint["save_dir"] + "/checkpoint-5", exist_ok=True)
    os.environ.get("TSDIA_RUN_CHECKPOINT") and open(os.environ["TSDIA_RUN_CHECKPOINT"] + "/state.json").read()
    open(checkpoint["save_dir"] + "/checkpoint-5/state.json", "w").write("{}")
sys.exit(0 if os.path.exists("go") else 3)
"""
WAITS = """\
import os, time
print("ready", flush=True)
while not os.path.exists("go"):
    time.sleep(0.02)
"""


@pytest.fixture
def sweep(project: Path) -> Path:
    (project / "train.py").write_text(SCRIPT)
    return project


def ensure(folder: Path, *words: str) -> tuple[int, str, str]:
    done = tsdia_run("ensure", "config.yml", *words, cwd=folder)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_it_starts_resumes_and_then_skips(sweep: Path) -> None:
    assert ensure(sweep)[:2] == (3, "from None\n")
    (sweep / "save").touch()
    assert ensure(sweep)[:2] == (3, "from None\n")  # from the start: the run had saved no checkpoint
    assert ensure(sweep)[:2] == (3, "from checkpoint-5\n")
    (sweep / "go").touch()
    assert ensure(sweep)[:2] == (0, "from checkpoint-5\n")
    code, stdout, stderr = ensure(sweep)
    assert (code, stdout) == (0, "")
    assert "runs/exp has completed; nothing to do" in stderr
    states = [attempt["state"] for attempt in record_of(sweep / "runs/exp")["attempts"]]
    assert states == ["failed", "failed", "failed", "completed"]


def test_another_config_is_refused_with_the_differences(sweep: Path) -> None:
    (sweep / "save").touch()
    ensure(sweep)
    config = sweep / "config.yml"
    config.write_text(config.read_text().replace("epochs: 3", "epochs: 4 # and a comment").replace("lr:", "rate:"))
    code, _, stderr = ensure(sweep)
    assert code == 73
    assert "training.epochs: 3 -> 4" in stderr
    assert "training.lr: 0.0001 -> (not set)" in stderr
    assert "--config config.yml" in stderr
    assert len(record_of(sweep / "runs/exp")["attempts"]) == 1


def test_comments_settings_and_equal_overrides_do_not_count_as_another_config(sweep: Path) -> None:
    ensure(sweep, "--set", "training.epochs=9")
    config = sweep / "config.yml"
    config.write_text("# another comment\n" + config.read_text() + "  stop_grace_s: 5\n")
    (sweep / "go").touch()
    assert ensure(sweep, "--set", "training.epochs=9")[0] == 0
    code, _, stderr = ensure(sweep, "--set", "training.epochs=8")
    assert code == 73
    assert "training.epochs: 9 -> 8" in stderr
    assert "tsdia-run new config.yml --set training.epochs=8 --move-aside" in stderr  # no checkpoint to resume from


def test_a_fixed_config_starts_a_run_that_never_began(sweep: Path) -> None:
    config = sweep / "config.yml"
    right = config.read_text()
    config.write_text(right.replace("epochs: 3", "epochs: three"))
    assert ensure(sweep)[0] == 3
    config.write_text(right)
    (sweep / "go").touch()
    code, _, stderr = ensure(sweep)
    assert code == 0
    assert "moved the existing contents of runs/exp to" in stderr
    assert [attempt["state"] for attempt in record_of(sweep / "runs/exp")["attempts"]] == ["completed"]


def test_arguments_given_again_replace_the_recorded_ones(sweep: Path) -> None:
    (sweep / "train.py").write_text("import sys\nprint(sys.argv[3:])\nsys.exit(3)\n")
    assert ensure(sweep, "--", "--fast", "--seed", "1")[1] == "['--fast', '--seed', '1']\n"
    assert ensure(sweep, "--", "--fast", "--seed", "2")[1] == "['--fast', '--seed', '2']\n"
    assert ensure(sweep)[1] == "['--fast', '--seed', '2']\n"


def test_a_live_run_is_skipped(sweep: Path, start: Starter) -> None:
    (sweep / "train.py").write_text(WAITS)
    running = start("ensure", "config.yml", cwd=sweep)
    assert running.stdout
    running.stdout.readline()
    assert ensure(sweep)[0] == 75
    (sweep / "go").touch()
    running.communicate(timeout=30)
    assert running.returncode == 0


def test_a_run_that_completed_without_its_supervisor_is_recorded(sweep: Path, start: Starter, zygote: Zygote) -> None:
    (sweep / "train.py").write_text(WAITS)
    running = start("ensure", "config.yml", cwd=sweep)
    assert running.stdout
    running.stdout.readline()
    wait_until(lambda: record_of(sweep / "runs/exp")["state"] == "running")
    running.kill()
    running.wait()
    (sweep / "go").touch()
    limit_s = time.monotonic() + 30
    while (ended := ensure(sweep, "--dry-run"))[0] == 75:
        assert time.monotonic() < limit_s, ended
    assert "has completed" in ended[2]
    full = zygote.run("ensure", "config.yml", cwd=sweep, fault=Fault(str(sweep / "runs"), 1, "ENOSPC", stays=True))
    assert (full.code, "has completed" in full.err) == (0, True), full
    assert full.failed
    assert record_of(sweep / "runs/exp")["state"] == "running"
    assert ensure(sweep)[0] == 0
    record = record_of(sweep / "runs/exp")
    assert (record["state"], record["attempts"][-1]["outcome"]["exit_code"]) == ("completed", 0)


def test_a_directory_not_created_by_tsdia_run_is_refused(sweep: Path) -> None:
    (sweep / "runs/exp").mkdir(parents=True)
    (sweep / "runs/exp/notes.txt").write_text("mine")
    assert ensure(sweep)[0] == 73
    assert [path.name for path in (sweep / "runs/exp").iterdir()] == ["notes.txt"]


def test_a_dry_run_shows_what_would_happen(sweep: Path) -> None:
    assert "nothing was written" in ensure(sweep, "--dry-run")[1]
    assert not (sweep / "runs").exists()
    (sweep / "save").touch()
    ensure(sweep)
    assert "checkpoint-5" in ensure(sweep, "--dry-run")[1]
    assert len(record_of(sweep / "runs/exp")["attempts"]) == 1
