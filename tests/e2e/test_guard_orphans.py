"""Ranks that outlive their supervisor and do not hold the lock: their tag blocks every other start."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.support.command import Starter, record_of, tsdia_run

SCRIPT = """\
import os, pathlib, sys, time
sys.stdout.write(f"ready {os.getpid()}\\n")  # in one piece: ranks run with -u, and share the pipe
sys.stdout.flush()
while not pathlib.Path("go").exists():
    time.sleep(0.05)
"""


def test_two_ranks_without_hooks_are_recognised_by_their_tag(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    flags = ("--no-hooks", "--launcher", "accelerate", "--num-processes", "2")
    running = start("new", "config.yml", *flags, cwd=project)
    assert running.stdout
    pids: list[int] = []
    while len(pids) < 2:
        line = running.stdout.readline()
        assert line
        pids += [int(line.split()[1])] if line.startswith("ready") else []
    # After their launcher is gone, no process holds the lock.
    launcher = int(Path(f"/proc/{pids[0]}/stat").read_text().rpartition(")")[2].split()[1])
    running.kill()
    running.wait()
    os.kill(launcher, signal.SIGKILL)
    try:
        for words in (("new", "config.yml", "--move-aside"), ("resume", "runs/exp"), ("ensure", "config.yml")):
            refused = tsdia_run(*words, cwd=project)
            assert refused.returncode == 75, refused.stderr
            for pid in pids:
                assert f"{pid} python" in refused.stderr
            assert record_of(project / "runs/exp")["state"] == "running"
    finally:
        (project / "go").touch()
        running.communicate(timeout=60)
    ended = tsdia_run("new", "config.yml", "--move-aside", cwd=project)
    assert ended.returncode == 0, ended.stderr
