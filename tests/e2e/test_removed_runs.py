"""A run directory that is removed or moved while its training runs: the training continues, and the end says so."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.command import Starter, log_of, record_of, tsdia_run, wait_for, wait_until
from tests.support.slow import each_once, slow
from tsdia_run.claim.processes import members

REMOVED = "the run directory was removed or replaced, by the script or another process"
# Saves every 50 ms. Many scripts create a missing folder again.
SCRIPT = """\
import os, pathlib, sys, time
folder = pathlib.Path(os.environ["TSDIA_RUN_DIR"], "checkpoints")
print("ready", os.environ["TSDIA_RUN_ID"], flush=True)
step = 0
while not os.path.exists("go"):
    step += 1
    try:
        os.makedirs(folder, exist_ok=True) if CREATES else None
        (folder / f"step_{step}.txt").write_text("x")
    except OSError:
        pass
    time.sleep(0.05)
print("last", flush=True)
sys.exit(4)
"""


def begin(start: Starter, project: Path, *, creates: bool = False) -> tuple[subprocess.Popen[str], str]:
    (project / "train.py").write_text(f"CREATES = {creates}\n{SCRIPT}")
    running = start("new", "config.yml", cwd=project)
    return running, wait_for(running, "ready").split()[1]


def remove(path: Path) -> None:
    """Remove a directory, although the training writes into it."""
    while subprocess.run(["rm", "-rf", path], check=False, capture_output=True).returncode:
        pass


def reads_work(project: Path) -> None:
    for words in (["list"], ["info"], ["info", "latest"], ["logs"], ["list", "--json"]):
        done = tsdia_run(*words, cwd=project)
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 66), (words, done.stderr)


@pytest.mark.parametrize(("delay", "what"), each_once([(0.0, True), (0.3, False), (1.2, True)], ["runs/exp", "runs"]))
def test_rm_by_another_process(start: Starter, project: Path, what: str, delay: tuple[float, bool]) -> None:
    delay_s, creates = delay
    running, run_id = begin(start, project, creates=creates)
    time.sleep(delay_s)
    remove(project / what)
    reads_work(project)
    wait_until((project / "runs/exp/run.json").exists)
    assert tsdia_run("new", "config.yml", "--move-aside", cwd=project).returncode == 75
    (project / "go").touch()
    _, said = running.communicate(timeout=60)
    assert running.returncode == 4
    assert said.count(REMOVED) == 1
    assert "Traceback" not in said
    assert record_of(project / "runs/exp")["state"] == "failed"
    assert members(run_id, project / "runs/exp") == []
    reads_work(project)


@pytest.mark.parametrize("delay_s", [0.05, 0.15, 0.25, 0.4, *slow(0.1, 0.2, 0.3, 0.5)])
def test_rm_during_the_start(start: Starter, project: Path, delay_s: float) -> None:
    """Whatever the start has done by then, it reports one error or runs the training to its end."""
    (project / "train.py").write_text("import time\ntime.sleep(1)\nraise SystemExit(4)\n")
    running = start("new", "config.yml", cwd=project)
    time.sleep(delay_s)
    shutil.rmtree(project / "runs", ignore_errors=True)
    _, said = running.communicate(timeout=60)
    assert "Traceback" not in said
    assert running.returncode in (4, 73, 74, 75), said
    reads_work(project)


@pytest.mark.parametrize("then", ["exit 5", "sleep 2; exit 5"])
def test_a_program_that_removes_its_run_directory_first(project: Path, then: str) -> None:
    program = project / "train.sh"
    program.write_text(f'#!/bin/sh\nrm -rf "$TSDIA_RUN_DIR"\n{then}\n')
    program.chmod(0o755)
    done = tsdia_run("new", "config.yml", "--entrypoint", "./train.sh", cwd=project)
    assert done.returncode == 5, done.stderr
    assert done.stderr.count(REMOVED) == 1
    assert "Traceback" not in done.stderr
    assert record_of(project / "runs/exp")["state"] == "failed"
    reads_work(project)


def test_a_moved_run_is_stopped_at_its_new_place(start: Starter, project: Path) -> None:
    running, run_id = begin(start, project)
    (project / "runs/exp").rename(project / "moved")
    wait_until((project / "runs/exp").is_symlink)
    assert tsdia_run("new", "config.yml", "--move-aside", cwd=project).returncode == 73
    assert tsdia_run("resume", "moved", cwd=project).returncode == 75
    assert len(members(run_id, project / "moved")) == 1
    assert tsdia_run("stop", "moved", cwd=project).returncode == 0
    _, said = running.communicate(timeout=60)
    assert running.returncode == -signal.SIGTERM
    assert f"the run directory was moved to {project}/moved. A symlink leads there" in said
    assert "Traceback" not in said
    record = record_of(project / "moved")
    assert (record["state"], record["run_id"]) == ("stopped", run_id)
    assert "[tsdia-run: stopped" in log_of(project / "moved")
    reads_work(project)


def test_a_training_that_creates_its_old_directory_again_continues_there(start: Starter, project: Path) -> None:
    running, _ = begin(start, project)
    (project / "runs/exp").rename(project / "moved")
    (project / "runs/exp").mkdir()
    wait_until((project / "runs/exp/run.json").exists)
    (project / "go").touch()
    _, said = running.communicate(timeout=60)
    assert running.returncode == 4
    assert f"was moved to {project}/moved, and the training has created {project}/runs/exp again" in said
    assert record_of(project / "runs/exp")["state"] == "failed"
    assert "copied from runs/exp" in tsdia_run("info", "moved", cwd=project).stdout


def test_all_runs_moved_at_once_and_moved_again(start: Starter, project: Path) -> None:
    running, run_id = begin(start, project)
    (project / "runs").rename(project / "old")
    wait_until((project / "runs/exp").is_symlink)
    (project / "old").rename(project / "older")
    wait_until((project / "runs/exp/run.json").exists)
    (project / "go").touch()
    running.communicate(timeout=60)
    assert running.returncode == 4
    assert record_of(project / "older/exp")["state"] == "failed"
    assert record_of(project / "older/exp")["run_id"] == run_id


def test_an_orphaned_training_is_stopped_where_it_was_moved(start: Starter, project: Path) -> None:
    """Without its supervisor, only the lock of the training shows the new place."""
    running, run_id = begin(start, project)
    running.kill()
    running.wait()
    (project / "runs/exp").rename(project / "moved")
    assert tsdia_run("resume", "moved", cwd=project).returncode == 75
    assert tsdia_run("stop", "moved", "--now", cwd=project).returncode == 0
    wait_until(lambda: members(run_id, project / "runs/exp") == [])
