"""What is reported about an ending beyond the exit code: memory, disk, a directory that the script removed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cgroup import memory_group
from tests.support.command import COMMAND, Starter, environment, record_of, tsdia_run, wait_for, wait_until

EATS = "import time\nprint('eating', flush=True)\nfood = [bytearray(2**20) for _ in range(4096)]\ntime.sleep(60)\n"


def outcome_of(project: Path) -> dict[str, object]:
    outcome = record_of(project / "runs/exp")["attempts"][0]["outcome"]
    assert isinstance(outcome, dict)
    return outcome


@pytest.fixture
def small_group() -> Iterator[Path]:
    with memory_group(200) as group:
        yield group


def test_an_out_of_memory_kill_is_reported(project: Path, small_group: Path) -> None:
    (project / "train.py").write_text(EATS)
    enter = f"echo $$ > {small_group}/cgroup.procs; exec {COMMAND} new config.yml"
    done = subprocess.run(["sh", "-c", enter], cwd=project, env=environment(), timeout=60, check=False)
    assert done.returncode == 137
    reason = str(outcome_of(project)["reason"])
    assert reason.startswith("the script was killed by SIGKILL; out of memory: the kernel's OOM killer was active; ")
    assert reason.endswith("of 200.0 MiB")


def test_any_other_kill_is_not_reported_as_out_of_memory(project: Path) -> None:
    (project / "train.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
    tsdia_run("new", "config.yml", cwd=project)
    assert outcome_of(project)["reason"] == "the script was killed by SIGKILL"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_is_reported(project: Path) -> None:
    (project / "runs").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", project / "runs"], check=True)
    try:
        (project / "train.py").write_text("open('runs/exp/big', 'wb').write(bytes(2**27))\n")
        done = tsdia_run("new", "config.yml", cwd=project)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        why = next(line for line in done.stderr.splitlines() if line.split()[:1] == ["why"])
        assert why.endswith("the disk of the run directory is full")
    finally:
        subprocess.run(["umount", project / "runs"], check=True)


def test_a_script_that_removes_its_run_directory_is_noticed(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(
        "import os, pathlib, shutil, time\n"
        "out = pathlib.Path(os.environ['TSDIA_RUN_DIR'])\n"
        "while out.exists():\n"  # tsdia-run writes in there at this moment, as trackers do
        "    shutil.rmtree(out, ignore_errors=True)\n"
        "out.mkdir()\n"
        "print('removed', flush=True)\n"
        "while not pathlib.Path('go').exists():\n"
        "    time.sleep(0.05)\n"
        "(out / 'model.bin').write_bytes(b'weights')\n"
    )
    run_dir = project / "runs/exp"
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "removed")
    wait_until((run_dir / ".tsdia/claim").exists)  # while it runs
    wait_until((run_dir / "run.json").exists)
    assert tsdia_run("new", "config.yml", "--move-aside", cwd=project).returncode == 75
    (project / "go").touch()
    _, said = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "the run directory was removed or replaced, by the script or another process" in said
    assert "script_dir" in said
    assert record_of(run_dir)["state"] == "completed"
    assert (run_dir / "config.yml").read_bytes() == (project / "config.yml").read_bytes()
    assert (run_dir / "model.bin").exists()


def test_a_directory_that_was_removed_at_the_last_moment_is_created_again(project: Path) -> None:
    (project / "train.py").write_text(
        "import os, pathlib, shutil, time\n"
        "out = pathlib.Path(os.environ['TSDIA_RUN_DIR'])\n"
        "while not (out / 'attempts/0/environment.json').exists():\n"
        "    time.sleep(0.05)\n"
        "shutil.rmtree(out)\n"
    )
    done = tsdia_run("new", "config.yml", cwd=project)
    assert done.returncode == 0
    assert record_of(project / "runs/exp")["state"] == "completed"


def test_a_directory_that_another_run_took_is_not_changed(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(
        "import pathlib, time\n"
        "print('ready', flush=True)\n"
        "while not pathlib.Path('go').exists():\n"
        "    time.sleep(0.05)\n"
    )
    first = start("new", "config.yml", cwd=project)
    wait_for(first, "ready")
    first.send_signal(signal.SIGSTOP)  # otherwise it would have created its directory again by now
    shutil.move(project / "runs/exp", project / "moved")
    second = start("new", "config.yml", cwd=project)
    wait_for(second, "ready")
    first.send_signal(signal.SIGCONT)
    theirs = record_of(project / "runs/exp")["run_id"]
    (project / "go").touch()
    _, said = first.communicate(timeout=60)
    second.communicate(timeout=60)
    assert "another run has replaced" in said
    assert record_of(project / "runs/exp")["run_id"] == theirs


def test_stacks_that_were_not_requested_leave_no_file(project: Path) -> None:
    (project / "train.py").write_text("import os\nos._exit(3)\n")
    assert tsdia_run("new", "config.yml", cwd=project).returncode == 3
    assert not list((project / "runs/exp/attempts/0").glob("stacks-*"))
