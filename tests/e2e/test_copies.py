"""A copied run directory is another run: its original is never stopped, killed or written by a command for the copy."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import (
    COMMAND,
    TWO_RANKS,
    Starter,
    environment,
    log_of,
    record_of,
    tsdia_run,
    wait_for,
    wait_until,
)
from tsdia_run.claim import owner
from tsdia_run.claim.processes import members

SCRIPT = """\
import json, os, pathlib, signal, sys, time
run = os.environ["TSDIA_RUN_DIR"]
if os.environ.get("TSDIA_RUN_CHECKPOINT"):
    open(os.environ["TSDIA_RUN_CHECKPOINT"] + "/state.json").read()
folder = pathlib.Path(run, "checkpoint-epoch0-step5")
folder.mkdir(exist_ok=True)
(folder / "state.json").write_text("{}")
print("ready", os.getpid(), os.environ["TSDIA_RUN_ID"], os.environ.get("TSDIA_RUN_WANDB_ID"), flush=True)
while not os.path.exists("go"):
    time.sleep(0.05)
sys.exit(int(os.environ.get("CODE", "0")))
"""


def copy(project: Path, source: str, target: str, how: str = "-r") -> None:
    # Files vanish while a live run is copied.
    subprocess.run(["cp", how, f"runs/{source}", f"runs/{target}"], cwd=project, check=False, capture_output=True)


def live(start: Starter, project: Path, *words: str) -> tuple[subprocess.Popen[str], list[str]]:
    (project / "train.py").write_text(SCRIPT)
    running = start("new", "config.yml", *words, cwd=project)
    return running, wait_for(running, "ready").split()


def info(project: Path, run: str) -> dict[str, Any]:
    found = tsdia_run("info", f"runs/{run}", "--json", cwd=project)
    assert found.returncode == 0, found.stderr
    data = json.loads(found.stdout)
    assert isinstance(data, dict)
    return data


def is_untouched(project: Path, running: subprocess.Popen[str], pid: str) -> bool:
    return (
        running.poll() is None
        and owner.start_ticks(int(pid)) is not None
        and record_of(project / "runs/exp")["state"] == "running"
        and not (project / "runs/exp/attempts/0/stop.json").exists()
    )


@pytest.mark.parametrize("how", ["-r", "-a"])
def test_a_copy_of_a_live_run_is_not_running_and_leaves_its_original_alone(
    start: Starter, project: Path, how: str
) -> None:
    running, (_, pid, run_id, wandb_id) = live(start, project)
    copy(project, "exp", "copy", how)
    found = info(project, "copy")
    assert (found["state"], found["living"], found["run_id"]) == ("lost", "nothing", None)
    assert found["reason"] == "copied from runs/exp while that run was running"
    assert found["copy_of"] == str(project / "runs/exp")
    for words in (["--now"], []):
        stopped = tsdia_run("stop", "runs/copy", *words, cwd=project)
        assert stopped.returncode == 0, stopped.stderr
        assert "runs/copy is not running (lost: copied from runs/exp while" in stopped.stderr
    assert is_untouched(project, running, pid)

    again = start("resume", "runs/copy", cwd=project)
    _, _, new_id, new_wandb_id = wait_for(again, "ready").split()
    assert run_id not in (new_id, new_wandb_id)
    assert wandb_id != new_wandb_id
    assert is_untouched(project, running, pid)
    assert tsdia_run("stop", "runs/copy", cwd=project).returncode == 0
    assert "runs/copy is a copy of runs/exp: it is a run of its own now" in again.communicate(timeout=60)[1]
    assert is_untouched(project, running, pid)
    record = record_of(project / "runs/copy")
    assert [one["state"] for one in record["attempts"]] == ["lost", "stopped"]
    assert (record["run_id"], record["wandb_id"]) == (new_id, new_wandb_id)
    assert record_of(project / "runs/exp")["run_id"] == run_id
    (project / "go").touch()
    running.communicate(timeout=60)
    assert record_of(project / "runs/exp")["state"] == "completed"


def test_of_an_orphaned_training_the_copy_ends_nothing(start: Starter, project: Path) -> None:
    running, (_, pid, *_) = live(start, project)
    running.kill()
    running.wait()
    copy(project, "exp", "copy")
    assert tsdia_run("stop", "runs/copy", "--now", cwd=project).returncode == 0
    assert owner.start_ticks(int(pid)) is not None
    assert info(project, "exp")["living"] == "ranks only"
    assert tsdia_run("stop", "runs/exp", "--now", cwd=project).returncode == 0
    assert owner.start_ticks(int(pid)) is None


def test_two_ranks_of_the_original_survive_a_stop_of_the_copy(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    running = start("new", "config.yml", *TWO_RANKS, "--no-hooks", cwd=project, env={"ACCELERATE_USE_CPU": "true"})
    _, pid, run_id, _ = wait_for(running, "ready").split()
    copy(project, "exp", "copy")
    assert tsdia_run("stop", "runs/copy", "--now", cwd=project).returncode == 0
    again = start("resume", "runs/copy", cwd=project, env={"ACCELERATE_USE_CPU": "true"})
    assert run_id not in wait_for(again, "ready")
    again.kill()
    assert tsdia_run("stop", "runs/copy", "--now", cwd=project).returncode == 0
    assert owner.start_ticks(int(pid)) is not None
    assert len(members(run_id, project / "runs/exp")) >= 3  # the launcher and its ranks
    assert members(run_id, project / "runs/copy") == []


def ended(project: Path) -> str:
    (project / "train.py").write_text(SCRIPT)
    (project / "go").touch()
    assert tsdia_run("new", "config.yml", cwd=project, env={"CODE": "3"}).returncode == 3
    run_id: str = record_of(project / "runs/exp")["run_id"]
    return run_id


def test_copies_are_listed_and_no_two_have_one_id(project: Path) -> None:
    run_id = ended(project)
    copy(project, "exp", "copy")
    copy(project, "copy", "copy-of-copy")
    rows = json.loads(tsdia_run("list", "--json", cwd=project).stdout)["runs"]
    assert {row["name"]: row["run_id"] for row in rows} == {"exp": run_id, "copy": None, "copy-of-copy": None}
    assert info(project, "copy")["state"] == "failed"
    by_id = tsdia_run("info", run_id, "--json", cwd=project)
    assert json.loads(by_id.stdout)["name"] == "exp"
    both = [tsdia_run("resume", f"runs/{name}", cwd=project) for name in ("copy", "copy-of-copy")]
    assert [one.returncode for one in both] == [0, 0]
    ids = {record_of(project / "runs" / name)["run_id"] for name in ("exp", "copy", "copy-of-copy")}
    assert len(ids) == 3
    copy(project, "copy", "third")  # of a copy that is a run of its own
    assert info(project, "third")["copy_of"] == str(project / "runs/copy")


def test_a_copy_does_not_keep_the_wandb_run_of_its_original(project: Path) -> None:
    ended(project)
    (project / "runs/exp/wandb_info.json").write_text('{"run_id": "w1", "run_url": "https://example.test/w1"}')
    copy(project, "exp", "copy")
    assert tsdia_run("resume", "runs/copy", cwd=project).returncode == 0
    record = record_of(project / "runs/copy")
    assert record["wandb_id"] == record["run_id"]
    assert (record["name"], record["wandb_name"]) == ("copy", "copy")
    assert not (project / "runs/copy/wandb_info.json").exists()
    assert (project / "runs/exp/wandb_info.json").exists()


def test_ensure_gives_a_copy_its_own_id(project: Path) -> None:
    run_id = ended(project)
    copy(project, "exp", "copy")
    done = tsdia_run("ensure", "config.yml", "--run-dir", "runs/copy", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "is a copy of runs/exp" in done.stderr
    assert record_of(project / "runs/copy")["run_id"] != run_id


@pytest.mark.parametrize("way", ["moved", "restored", "copied, and the original is gone", "symlink"])
def test_a_moved_or_restored_run_keeps_its_ids(project: Path, way: str) -> None:
    run_id, runs = ended(project), project / "runs"
    target = runs / "other"
    if way == "moved":
        (runs / "exp").rename(target)
    elif way == "restored":
        subprocess.run(["tar", "-cf", "exp.tar", "exp"], cwd=runs, check=True)
        shutil.rmtree(runs / "exp")
        subprocess.run(["tar", "-xf", "exp.tar"], cwd=runs, check=True)
        target = runs / "exp"
    elif way == "symlink":
        target.symlink_to("exp")
    else:
        copy(project, "exp", "other")
        shutil.rmtree(runs / "exp")
    done = tsdia_run("resume", str(target), cwd=project)
    assert done.returncode == 0, done.stderr
    assert record_of(target)["run_id"] == run_id
    assert "copy" not in done.stderr


def test_a_directory_that_another_run_replaced_is_not_the_original(project: Path) -> None:
    run_id = ended(project)
    (project / "runs/exp").rename(project / "runs/old")
    assert ended(project) != run_id
    assert info(project, "old")["run_id"] == run_id
    assert tsdia_run("resume", "runs/old", cwd=project).returncode == 0
    assert record_of(project / "runs/old")["run_id"] == run_id


def test_two_copies_resumed_at_once_get_two_ids(start: Starter, project: Path) -> None:
    run_id = ended(project)
    (project / "go").unlink()
    names = ("one", "two")
    for name in names:
        copy(project, "exp", name)
    both = [start("resume", f"runs/{name}", cwd=project) for name in names]
    ids = {wait_for(one, "ready").split()[2] for one in both}
    assert len(ids | {run_id}) == 3
    (project / "go").touch()
    assert [one.wait(60) for one in both] == [0, 0]
    assert "ready" in log_of(project / "runs/one", 1)


@pytest.mark.root
def test_another_mount_of_a_run_is_the_same_run(start: Starter, project: Path) -> None:
    running, (_, pid, run_id, _) = live(start, project)
    (project / "runs/mounted").mkdir()
    subprocess.run(["mount", "--bind", "runs/exp", "runs/mounted"], cwd=project, check=True)
    try:
        assert info(project, "mounted")["living"] == "supervised"
        assert members(run_id, project / "runs/mounted") == [int(pid)]
        running.kill()
        running.wait()
        assert tsdia_run("stop", "runs/mounted", "--now", cwd=project).returncode == 0
        assert owner.start_ticks(int(pid)) is None
        (project / "go").touch()
        resumed = tsdia_run("resume", "runs/mounted", cwd=project)
        assert resumed.returncode == 0, resumed.stderr
        assert record_of(project / "runs/exp")["run_id"] == run_id
    finally:
        subprocess.run(["umount", "runs/mounted"], cwd=project, check=True)


@pytest.mark.root
def test_a_training_in_another_mount_namespace_belongs_to_its_directory(start: Starter, project: Path) -> None:
    """The path in its environment leads elsewhere here."""
    (project / "train.py").write_text(SCRIPT)
    (project / "inside").mkdir()
    (project / "store/exp").mkdir(parents=True)
    script = 'mount --bind store inside && exec "$@"'
    words = ["unshare", "-m", "sh", "-c", script, "sh", COMMAND, "new", "config.yml", "--run-dir", "inside/exp"]
    with subprocess.Popen(words, cwd=project, env=environment(), stdout=subprocess.PIPE, text=True) as running:
        try:
            run_id = wait_for(running, "ready").split()[2]
            assert not (project / "inside/exp").exists()
            assert len(members(run_id, project / "store/exp")) == 1
        finally:
            (project / "go").touch()
            wait_until(lambda: running.poll() is not None)
            running.send_signal(signal.SIGKILL)
    assert os.path.isdir(project / "store/exp")
