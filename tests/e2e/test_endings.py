"""A run ends as its script does, and as the tables of docs/endings.md describe; leftover processes are ended."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.support.command import TWO_RANKS, Starter, log_of, record_of, tsdia_run, wait_for
from tests.support.slow import each_once
from tests.support.tables import rows

# Rank 1 (or the only rank) ends in the given way; the others wait for it, as in a collective.
SCRIPT = """\
import os, signal, sys, time
way, value = sys.argv[-1].split("=")
if os.environ.get("RANK", "1") == "1":
    print("ending by", way, value, flush=True)
    if way == "signal":
        signal.signal(int(value), signal.SIG_DFL) if int(value) != 9 else None
        os.kill(os.getpid(), int(value))
    sys.exit(int(value))
while value != "0":
    time.sleep(0.1)
"""


@pytest.mark.parametrize(("row", "ranks"), each_once(rows("endings.md", "the script", "state", "exit code"), [1, 2]))
def test_the_run_ends_as_its_script_does(project: Path, row: tuple[str, str, str], ranks: int) -> None:
    how, state, exit_code = row
    (project / "train.py").write_text(SCRIPT)
    match = re.fullmatch(r"exits with (?P<code>\d+)|dies of (?P<signal>SIG\w+)", how)
    assert match
    code = int(match["code"]) if match["code"] else None
    number = int(signal.Signals[match["signal"]]) if match["signal"] else None
    way = f"code={code}" if number is None else f"signal={number}"
    flags = TWO_RANKS if ranks == 2 else ("--launcher", "accelerate")
    done = tsdia_run("new", "config.yml", *flags, "--", way, cwd=project)
    assert done.returncode == int(exit_code), done.stderr
    attempt = record_of(project / "runs/exp")["attempts"][0]
    outcome = attempt["outcome"]
    assert (attempt["state"], outcome["exit_code"], outcome["signal"]) == (state, code, number)
    assert outcome["rank"] == (1 if ranks == 2 and state == "failed" else None)
    assert f"ending by {way.replace('=', ' ')}" in log_of(project / "runs/exp")


def is_alive(pid: int) -> bool:
    """Return whether the process exists and is not a zombie that its new parent has not reaped yet."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_processes_that_the_script_left_are_ended(project: Path) -> None:
    (project / "train.py").write_text(
        "import subprocess, sys\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True, stdout=subprocess.DEVNULL)\n"
        "print(child.pid)\n"
    )
    done = tsdia_run("new", "config.yml", cwd=project)
    assert done.returncode == 0
    assert "ended leftover processes of the training: sleep" in done.stderr
    assert not is_alive(int(done.stdout))


def test_the_training_outlives_its_supervisor_and_the_next_command_records_it(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(
        "import os, pathlib, time\n"
        "print('ready', flush=True)\n"
        "while not pathlib.Path('go').exists():\n"
        "    time.sleep(0.02)\n"
        "print('last words', flush=True)\n"
        "os.makedirs('runs/exp/checkpoint-epoch0-step5', exist_ok=True)\n"
        "os.environ.get('TSDIA_RUN_CHECKPOINT') and open(os.environ['TSDIA_RUN_CHECKPOINT'] + '/state.json').read()\n"
        "open('runs/exp/checkpoint-epoch0-step5/state.json', 'w').write('{}')\n"
    )
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "ready")
    running.kill()
    running.wait()
    refused = tsdia_run("new", "config.yml", "--move-aside", cwd=project)
    assert refused.returncode == 75
    assert "is still running" in refused.stderr
    assert tsdia_run("resume", "runs/exp", cwd=project).returncode in (65, 75)
    (project / "go").touch()
    assert running.stdout
    assert "last words" in running.stdout.read()  # until the relay has exited too
    resumed = tsdia_run("resume", "runs/exp", "--again", cwd=project)
    assert resumed.returncode == 0, resumed.stderr
    record = record_of(project / "runs/exp")
    assert [attempt["state"] for attempt in record["attempts"]] == ["completed", "completed"]
    assert "supervisor" in record["attempts"][0]["outcome"]["reason"]
    assert "last words" in log_of(project / "runs/exp")


def test_if_every_process_is_killed_the_attempt_is_lost(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(
        "import os, time\n"
        "os.makedirs('runs/exp/checkpoint-epoch0-step5', exist_ok=True)\n"
        "os.environ.get('TSDIA_RUN_CHECKPOINT') and open(os.environ['TSDIA_RUN_CHECKPOINT'] + '/state.json').read()\n"
        "open('runs/exp/checkpoint-epoch0-step5/state.json', 'w').write('{}')\n"
        "print('ready', os.getpid(), flush=True)\n"
        "time.sleep(600 if os.environ['TSDIA_RUN_ATTEMPT'] == '0' else 0)\n"
    )
    running = start("new", "config.yml", cwd=project)
    assert running.stdout
    pid = int(running.stdout.readline().split()[1])
    running.kill()
    running.wait()
    os.kill(pid, signal.SIGKILL)
    running.stdout.read()
    resumed = tsdia_run("resume", "runs/exp", cwd=project)
    assert resumed.returncode == 0, resumed.stderr
    first, second = record_of(project / "runs/exp")["attempts"]
    assert (first["state"], second["state"]) == ("lost", "completed")
    assert first["ended_at"] is not None


def test_a_program_that_cannot_be_executed_is_reported_as_a_shell_does(project: Path) -> None:
    (project / "broken").write_text("#!/no/such/interpreter\n")
    (project / "broken").chmod(0o755)
    done = tsdia_run("new", "config.yml", "--entrypoint", "broken", cwd=project)
    assert done.returncode == 126
    assert "the interpreter in its first line does not exist" in done.stderr


def test_any_executable_can_be_the_entrypoint(project: Path) -> None:
    (project / "train.sh").write_text('#!/bin/sh\necho "$0 $1" in "$TSDIA_RUN_NAME"; exit 3\n')
    (project / "train.sh").chmod(0o755)
    done = tsdia_run("new", "config.yml", "--entrypoint", "./train.sh", cwd=project)
    assert (done.returncode, done.stdout) == (3, f"{project}/train.sh --config in exp\n")
