"""`tsdia-run stop`, time limits, and runs without a terminal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pexpect

from tests.support.command import COMMAND, Starter, environment, log_of, record_of, tsdia_run, wait_for, wait_until
from tsdia_run.claim.processes import members

SAVES = """\
import signal, sys, time
def stop(number, frame):
    print("saved after", signal.Signals(number).name, flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""
STUBBORN = SAVES.replace("    sys.exit(0)\n", "")


def nothing_lives(run_dir: Path) -> bool:
    return members(record_of(run_dir)["run_id"], run_dir) == []


def test_stop_allows_time_to_save_waits_and_reports(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(SAVES)
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "ready")
    stopped = tsdia_run("stop", "runs/exp", cwd=project)
    assert stopped.returncode == 0, stopped.stderr
    assert "runs/exp: stopped by `tsdia-run stop` on" in stopped.stderr
    running.communicate(timeout=60)
    assert running.returncode == -signal.SIGTERM  # 143 in a shell
    assert record_of(project / "runs/exp")["state"] == "stopped"
    log = log_of(project / "runs/exp")
    assert log.count("saved after SIGTERM") == 1
    assert re.fullmatch(r"\[tsdia-run: stopped after \S+ s by `tsdia-run stop` on .*\]", log.splitlines()[-1])
    assert "  stopped by `tsdia-run stop` on" in tsdia_run("info", "runs/exp", cwd=project).stdout

    again = tsdia_run("stop", "runs/exp", cwd=project)
    assert again.returncode == 0
    assert "is not running (stopped" in again.stderr


def test_stop_now_kills_a_script_that_ignores_signals(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(STUBBORN)
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "ready")
    asking = start("stop", "runs/exp", cwd=project)
    wait_for(running, "saved after SIGTERM")
    asking.send_signal(signal.SIGINT)  # only ends the waiting
    asking.communicate(timeout=30)
    assert running.poll() is None
    assert tsdia_run("stop", "runs/exp", "--now", cwd=project).returncode == 0
    running.communicate(timeout=60)
    assert running.returncode == -signal.SIGTERM
    assert record_of(project / "runs/exp")["attempts"][0]["outcome"]["signal"] == signal.SIGKILL
    assert nothing_lives(project / "runs/exp")


def test_stop_ends_a_training_whose_supervisor_was_killed(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(SAVES)
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "ready")
    running.kill()
    running.wait()
    stopped = tsdia_run("stop", "runs/exp", cwd=project)
    assert stopped.returncode == 0, stopped.stderr
    assert "the supervisor has exited; stopping the training directly" in stopped.stderr
    record = record_of(project / "runs/exp")
    assert record["state"] == "stopped"
    assert "stopped by `tsdia-run stop`" in record["attempts"][0]["outcome"]["reason"]
    assert nothing_lives(project / "runs/exp")
    assert "saved after SIGTERM" in log_of(project / "runs/exp")


def test_stop_of_a_path_that_is_not_a_run_is_an_error(project: Path) -> None:
    absent = tsdia_run("stop", "runs/absent", cwd=project)
    assert (absent.returncode, "does not exist" in absent.stderr) == (66, True)
    (project / "old/checkpoint-5").mkdir(parents=True)
    elsewhere = tsdia_run("stop", "old", cwd=project)
    assert (elsewhere.returncode, "was not created by tsdia-run" in elsewhere.stderr) == (66, True)


def test_a_time_limit_requests_a_stop(project: Path) -> None:
    (project / "train.py").write_text(SAVES)
    done = tsdia_run("new", "config.yml", "--time-limit", "1.5s", cwd=project)
    assert done.returncode == -signal.SIGTERM
    assert "saved after SIGTERM" in done.stdout
    reason = record_of(project / "runs/exp")["attempts"][0]["outcome"]["reason"]
    assert reason.startswith("stopped at its time limit of 1.5 s; ")
    assert (project / "runs/exp/attempts/0/stop.json").exists()


def test_an_invalid_time_limit_is_refused(project: Path) -> None:
    (project / "train.py").touch()
    refused = tsdia_run("new", "config.yml", "--time-limit", "soon", cwd=project)
    assert refused.returncode == 2
    assert "--time-limit must be a time such as 90s" in refused.stderr
    assert not (project / "runs").exists()


def test_a_detached_run_continues_without_its_terminal_and_can_be_stopped(project: Path) -> None:
    (project / "train.py").write_text(
        SAVES.replace('print("ready"', 'import os; print(os.isatty(0), os.getsid(0), "ready"')
    )
    shell = pexpect.spawn("bash", ["--norc"], cwd=str(project), env=environment(), encoding="utf-8", timeout=60)
    shell.sendline(f"{COMMAND} new config.yml --detach; echo code $?")
    shell.expect("follow: tsdia-run logs -f runs/exp")
    shell.expect("stop:   tsdia-run stop runs/exp")
    shell.expect("code 0")
    logs = project / "runs/exp/logs"
    wait_until(lambda: any("ready" in log.read_text() for log in logs.glob("*.log")))
    shell.close(force=True)  # the terminal is gone, and SIGHUP with it
    run_dir = project / "runs/exp"
    assert record_of(run_dir)["state"] == "running"
    assert log_of(run_dir).split("False ")[1].split()[0] != str(os.getsid(0))
    assert tsdia_run("stop", "runs/exp", cwd=project).returncode == 0
    assert record_of(run_dir)["state"] == "stopped"


def test_detached_or_not_a_refusal_is_shown_with_its_exit_code(project: Path) -> None:
    (project / "broken").write_text("#!/no/such/interpreter\n")
    (project / "broken").chmod(0o755)
    refused = tsdia_run("new", "config.yml", "--detach", "--entrypoint", "broken", cwd=project)
    assert refused.returncode == 126
    assert "could not start " in refused.stderr
    (project / "train.py").write_text("print('done')\n")
    (project / "runs/exp").rename(project / "runs/other")
    assert tsdia_run("new", "config.yml", cwd=project).returncode == 0
    taken = tsdia_run("new", "config.yml", "--detach", cwd=project)
    assert taken.returncode == 73
    assert "--move-aside" in taken.stderr


def test_a_detached_start_does_not_keep_its_callers_output_open(project: Path) -> None:
    (project / "train.py").write_text(SAVES)
    done = subprocess.run(
        [COMMAND, "new", "config.yml", "--detach"],
        cwd=project,
        env=environment(),
        capture_output=True,  # returns only at the end of file
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert tsdia_run("stop", "runs/exp", "--now", cwd=project).returncode == 0
