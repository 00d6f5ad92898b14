"""Only one process trains: two resumes at once, ranks without their supervisor, and owners that only seem to be
running.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.command import Starter, record_of, tsdia_run
from tsdia_run.claim import owner
from tsdia_run.claim.owner import Owner

# The first attempt saves and fails immediately unless it must wait; the others wait until the test lets them continue.
SCRIPT = """\
import os, pathlib, sys, time
os.makedirs("runs/exp/checkpoint-epoch0-step5", exist_ok=True)
os.environ.get("TSDIA_RUN_CHECKPOINT") and open(os.environ["TSDIA_RUN_CHECKPOINT"] + "/state.json").read()
open("runs/exp/checkpoint-epoch0-step5/state.json", "w").write("{}")
print("ready", os.getpid(), flush=True)
if os.environ["TSDIA_RUN_ATTEMPT"] == "0" and not os.path.exists("wait"):
    sys.exit(3)
while not pathlib.Path("go").exists():
    time.sleep(0.02)
"""
RUN = "runs/exp"


def started(running: subprocess.Popen[str]) -> int:
    """Return the pid of the training, once it has started."""
    assert running.stdout
    line = running.stdout.readline()
    assert line.startswith("ready"), running.stderr.read() if running.stderr else ""
    return int(line.split()[1])


def is_alive(pid: int) -> bool:
    return owner.start_ticks(pid) is not None


def test_of_two_resumes_at_once_one_starts_and_the_other_names_it(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    assert tsdia_run("new", "config.yml", cwd=project).returncode == 3
    both = [start("resume", RUN, cwd=project) for _ in range(2)]
    # The slower resume has exited by now, or will exit without waiting.
    first = both[0]
    assert first.stdout
    winner, loser = both if first.stdout.readline().startswith("ready") else reversed(both)
    _, told = loser.communicate(timeout=60)
    assert loser.returncode == 75, told
    assert f"pid {winner.pid} on" in told
    (project / "go").touch()
    winner.communicate(timeout=60)
    assert winner.returncode == 0
    assert [one["state"] for one in record_of(project / RUN)["attempts"]] == ["failed", "completed"]


def test_a_rank_without_its_supervisor_is_named_and_not_signalled(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    (project / "wait").touch()
    running = start("new", "config.yml", cwd=project)
    training = started(running)
    running.kill()
    running.wait()
    for words in (("resume", RUN), ("ensure", "config.yml"), ("new", "config.yml", "--move-aside")):
        refused = tsdia_run(*words, cwd=project)
        assert refused.returncode == 75, refused.stderr
        assert f"pid {training} python" in refused.stderr
        assert f"pid {running.pid} on" in refused.stderr
    assert is_alive(training)
    (project / "go").touch()
    running.communicate(timeout=60)  # until its relay has exited too
    done = tsdia_run("ensure", "config.yml", cwd=project)
    assert (done.returncode, "has completed" in done.stderr) == (0, True), done.stderr


def test_after_every_process_was_killed_a_resume_reports_it_and_starts(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    (project / "wait").touch()
    kill_all(start("new", "config.yml", cwd=project))
    (project / "go").touch()
    resumed = tsdia_run("resume", RUN, cwd=project)
    assert resumed.returncode == 0, resumed.stderr
    assert "attempt 0: lost: no heartbeat and no recorded ending: killed with its supervisor" in resumed.stderr
    first, second = record_of(project / RUN)["attempts"]
    assert (first["state"], second["state"]) == ("lost", "completed")
    assert first["started_at"] <= first["ended_at"] <= second["started_at"]


def kill_all(running: subprocess.Popen[str]) -> None:
    training = started(running)
    running.kill()
    running.wait()
    os.kill(training, signal.SIGKILL)
    running.communicate(timeout=60)


def reused(bystander: Owner) -> Owner:
    return replace(bystander, start_ticks=(bystander.start_ticks or 0) - 1)


def of_another_boot(bystander: Owner) -> Owner:
    return replace(bystander, boot_id="b")


def of_another_host(bystander: Owner) -> Owner:
    return replace(bystander, host="elsewhere")


def of_a_first_version(bystander: Owner) -> Owner:
    return replace(bystander, boot_id=None, start_ticks=None)


@pytest.mark.parametrize("seeming", [reused, of_another_boot, of_another_host, of_a_first_version])
def test_a_holder_that_only_seems_to_live_keeps_nobody_out_and_gets_no_signal(
    start: Starter, project: Path, seeming: Callable[[Owner], Owner]
) -> None:
    (project / "train.py").write_text(SCRIPT)
    (project / "wait").touch()
    kill_all(start("new", "config.yml", cwd=project))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        heartbeat = project / RUN / ".tsdia/heartbeat.json"
        here = replace(owner.this_process(), pid=bystander.pid, start_ticks=owner.start_ticks(bystander.pid))
        heartbeat.write_bytes(seeming(here).as_bytes())
        os.utime(heartbeat, (1, 1))  # an owner on another host counts as running while its heartbeat is fresh
        stopped = tsdia_run("stop", RUN, cwd=project)
        assert "is not running" in stopped.stderr
        (project / "go").touch()
        assert tsdia_run("ensure", "config.yml", cwd=project).returncode == 0
        assert bystander.poll() is None
    assert json.loads(heartbeat.read_text())["pid"] != bystander.pid


def test_a_zombie_supervisor_blocks_no_start(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    (project / "wait").touch()
    running = start("new", "config.yml", cwd=project)
    training = started(running)
    running.kill()
    os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)  # it stays in the process table
    os.kill(training, signal.SIGKILL)
    (project / "go").touch()
    assert "is not running" in tsdia_run("stop", RUN, cwd=project).stderr
    resumed = tsdia_run("resume", RUN, cwd=project)
    assert resumed.returncode == 0, resumed.stderr
