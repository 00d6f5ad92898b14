"""Signals while no training runs: before the start, between two attempts, and at the end."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.support.command import COMMAND, Starter, environment, record_of, tsdia_run, wait_for, wait_until
from tests.support.tables import rows
from tests.support.terminal import spawn

TO_US = {row[0]: row[1:] for row in rows("endings.md", "signal", "the script gets it", "what follows")}
HARMLESS = [one for one in signal.Signals if TO_US.get(one.name) == ("no", "continues")]
PASSED_ON = [signal.Signals[name] for name, (gets_it, _) in TO_US.items() if gets_it == "once" and "RT" not in name]
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
RESTARTED = "training: {checkpoint: {save_dir: runs/exp}}\ntsdia_run: {launcher: python, restarts: {backoff_s: %s}}\n"


def state_of(project: Path, attempt: int) -> str | None:
    record = project / "runs/exp/run.json"
    attempts = record_of(project / "runs/exp")["attempts"] if record.exists() else []
    return attempts[attempt]["state"] if len(attempts) > attempt else None


@pytest.mark.parametrize("number", STOPS)
def test_signals_between_two_attempts(start: Starter, project: Path, number: signal.Signals) -> None:
    (project / "config.yml").write_text(RESTARTED % 30)
    (project / "train.py").write_text("raise RuntimeError('bad luck')\n")
    running = start("new", "config.yml", "--max-restarts", "3", cwd=project)
    wait_until(lambda: state_of(project, 1) == "preparing")
    time.sleep(0.5)
    for other in (*HARMLESS, *(one for one in PASSED_ON if one not in STOPS)):
        running.send_signal(other)
        time.sleep(0.02)
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == -number
    outcome = record_of(project / "runs/exp")["attempts"][1]["outcome"]
    assert "before the training started" in outcome["reason"]
    assert "SIGALRM arrived while no rank was running, so it was not passed on" in err


def test_harmless_signals_at_every_moment_of_restarts_change_nothing(start: Starter, project: Path) -> None:
    (project / "config.yml").write_text(RESTARTED % 0.1)
    (project / "train.py").write_text(
        "import os\n"
        "attempt = os.environ['TSDIA_RUN_ATTEMPT']\n"
        "print('ready', flush=True)\n"
        "if attempt != '2':\n"
        "    raise RuntimeError(attempt)\n"
    )
    running = start("new", "config.yml", "--max-restarts", "3", cwd=project)
    wait_for(running, "ready")
    sent = sum(1 for _ in storm(running, HARMLESS))
    _, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert sent > 100
    assert [one["state"] for one in record_of(project / "runs/exp")["attempts"]] == ["failed", "failed", "completed"]


def storm(running: subprocess.Popen[str], numbers: list[signal.Signals]) -> Iterator[signal.Signals]:
    for number in itertools.cycle(numbers):
        if running.poll() is not None:
            return
        running.send_signal(number)
        yield number
        time.sleep(0.003)


def test_stop_requests_after_the_ending_was_logged_do_not_change_it(start: Starter, project: Path) -> None:
    (project / "train.py").write_text("print('done', flush=True)\n")
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "done")
    logs = project / "runs/exp/logs"
    wait_until(lambda: any("completed after" in log.read_text() for log in logs.glob("*.log")))
    for _ in storm(running, [*STOPS]):
        pass
    _, err = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "✓ exp: completed" in err
    assert record_of(project / "runs/exp")["state"] == "completed"


def test_ctrl_c_while_leftover_processes_are_waited_for_keeps_the_ending(start: Starter, project: Path) -> None:
    (project / "config.yml").write_text(RESTARTED % 0.1)
    (project / "train.py").write_text(
        "import subprocess, sys\n"
        "subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "print('left', flush=True)\n"
        "sys.exit(3)\n"
    )
    running = start("new", "config.yml", "--max-restarts", "3", cwd=project)
    wait_for(running, "left")
    time.sleep(2)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == 3
    assert [one["state"] for one in record_of(project / "runs/exp")["attempts"]] == ["failed"]  # and no restart


def test_stop_requests_to_a_start_in_the_background_reach_the_run(start: Starter, project: Path) -> None:
    (project / "train.py").write_text("import time\ntime.sleep(600)\n")
    for round_ in range(10):
        run_dir = project / f"runs/exp-{round_}"
        running = start("new", "config.yml", "--detach", "--name", run_dir.name, cwd=project)
        wait_until((run_dir / "run.json").exists)
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)
        if running.returncode != -signal.SIGTERM:
            break
        assert tsdia_run("stop", str(run_dir), "--now", cwd=project).returncode == 0  # it came after the start
    assert running.returncode in (0, 143)
    wait_until(lambda: record_of(run_dir)["state"] == "stopped")
    assert "stopped by SIGTERM" in record_of(run_dir)["attempts"][0]["outcome"]["reason"]


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a process id namespace")
@pytest.mark.parametrize("number", STOPS)
def test_the_first_process_of_a_container_exits_with_the_code_of_the_signal(
    start: Starter, project: Path, number: signal.Signals
) -> None:
    (project / "train.py").write_text("import time\nprint('ready', flush=True)\ntime.sleep(600)\n")
    running = subprocess.Popen(
        ["unshare", "--pid", "--fork", "--mount-proc", COMMAND, "new", "config.yml"],
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(running, "ready")
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        os.kill(int(children[0]), number)
        running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 128 + number
    assert record_of(project / "runs/exp")["state"] == "stopped"


def test_the_user_is_told_what_a_stop_waits_for(start: Starter, project: Path) -> None:
    (project / "train.py").write_text("import time\nprint('ready', flush=True)\ntime.sleep(600)\n")
    shell = spawn("new", "config.yml", "--time-limit", "2s", "--stop-grace", "7", cwd=project)
    shell.expect_exact("Stopping at its time limit of 2.0 s: waiting up to 7 s for the script to save.")
    shell.expect(pexpect.EOF)
    running = start("new", "config.yml", "--name", "asked", cwd=project)
    wait_for(running, "ready")
    stopped = tsdia_run("stop", "runs/asked", cwd=project)
    assert "waiting up to 60 s for the script to save (Ctrl-C only ends the waiting)" in stopped.stderr
    assert "tsdia-run: Stopping (by `tsdia-run stop` on " in running.communicate(timeout=60)[1]


def test_without_a_limit_the_script_saves_for_as_long_as_it_takes(start: Starter, project: Path) -> None:
    (project / "config.yml").write_text(
        "training: {checkpoint: {save_dir: runs/exp}}\ntsdia_run: {launcher: python, stop_grace_s: none}\n"
    )
    (project / "train.py").write_text(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(4), print('saved', flush=True), sys.exit(0)))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "ready")
    running.send_signal(signal.SIGTERM)
    wait_for(running, "saved")
    _, err = running.communicate(timeout=60)
    assert "Stopping (by SIGTERM): waiting without a time limit for the script to save." in err
    # The setting is recorded: a resume, and a stop without a supervisor, use it too.
    again = start("resume", "runs/exp", "--from-scratch", cwd=project)
    wait_for(again, "ready")
    again.kill()
    again.wait()
    stopped = tsdia_run("stop", "runs/exp", cwd=project)
    assert stopped.returncode == 0, stopped.stderr
    assert "stopping the training directly: waiting without a time limit for the script to save" in stopped.stderr
