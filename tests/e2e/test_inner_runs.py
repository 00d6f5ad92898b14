"""A tsdia-run that a training starts: a stop of the outer run reaches it once, and leaves it its own grace period."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import COMMAND, Starter, log_of, record_of, tsdia_run, wait_for
from tsdia_run.claim import processes

# Needs longer than the grace period of the outer run.
INNER = """\
import signal, sys, time
def stop(number, frame):
    print("got", signal.Signals(number).name, flush=True)
    time.sleep(4)
    print("saved", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
print("inner", "ready", flush=True)
while True:
    time.sleep(0.05)
"""
WORDS = [COMMAND, "new", "--run-dir", "runs/inner", "--entrypoint", "inner.py"]
OUTER = {
    "waits": f"import subprocess\nsubprocess.run({WORDS})\n",
    "ignores the signal": (
        "import signal, subprocess\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        f"subprocess.run({WORDS}, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))\n"
    ),
    "forwards the signal": (
        "import signal, subprocess, sys, time\n"
        f"inner = subprocess.Popen({WORDS})\n"
        "def stop(number, frame):\n    time.sleep(0.5)\n    inner.send_signal(number)\n    sys.exit(inner.wait())\n"
        "signal.signal(signal.SIGTERM, stop)\nsignal.signal(signal.SIGINT, stop)\n"
        "while True:\n    time.sleep(0.05)\n"
    ),
    "becomes it": f"import os\nos.execv({COMMAND!r}, {WORDS})\n",
}


@pytest.fixture
def outer(start: Starter, project: Path) -> Callable[[str], object]:
    def run(name: str) -> object:
        (project / "inner.py").write_text(INNER)
        (project / "train.py").write_text(OUTER[name])
        (project / "config.yml").write_text(
            "training: {checkpoint: {save_dir: runs/exp}}\ntsdia_run: {stop_grace_s: 1}\n"
        )
        running = start("new", "config.yml", cwd=project)
        wait_for(running, "inner ready")
        return running

    return run


def nothing_runs(project: Path) -> bool:
    runs = [project / "runs/exp", project / "runs/inner"]
    return all(processes.members(record_of(run)["run_id"], run) == [] for run in runs)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", OUTER)
def test_it_saves_within_its_own_grace_period(
    start: Starter, project: Path, outer: Callable[[str], object], name: str, number: signal.Signals
) -> None:
    running = outer(name)
    running.send_signal(number)  # type: ignore[attr-defined]
    running.communicate(timeout=90)  # type: ignore[attr-defined]
    assert log_of(project / "runs/inner").count(f"got {number.name}") == 1
    assert log_of(project / "runs/inner").count("saved") == 1
    assert record_of(project / "runs/exp")["state"] == "stopped"
    info = tsdia_run("info", "runs/inner", "--json", cwd=project)
    assert '"state": "completed"' in info.stdout or '"state": "stopped"' in info.stdout
    assert nothing_runs(project)


def test_stop_now_kills_it_too(start: Starter, project: Path, outer: Callable[[str], object]) -> None:
    outer("ignores the signal")
    assert tsdia_run("stop", "runs/exp", "--now", cwd=project).returncode == 0
    assert "saved" not in log_of(project / "runs/inner")
    assert nothing_runs(project)


def test_a_run_in_the_background_that_outlives_the_script_is_asked_to_stop(project: Path) -> None:
    (project / "inner.py").write_text(INNER)
    (project / "train.py").write_text(f"import subprocess\nsubprocess.run({[*WORDS, '--detach']}, check=True)\n")
    done = tsdia_run("new", "config.yml", cwd=project)
    assert done.returncode == 0, done.stderr
    assert log_of(project / "runs/inner").count("got SIGTERM") == 1
    assert record_of(project / "runs/inner")["state"] == "stopped"
    assert nothing_runs(project)
    assert os.listdir(project / "runs") == ["exp", "inner"] or os.listdir(project / "runs") == ["inner", "exp"]
