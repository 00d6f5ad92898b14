"""Exit codes and signals of the script, in both launch paths; requests to stop; deaths of our own."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pexpect
import pytest

from tests.support.command import COMMAND, Starter, environment, log_of, record_of, tsdia_run

# Rank 1 (or the only one) ends in the given way; the others wait for it, as in a collective.
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
ENDINGS = [*(f"code={code}" for code in (0, 1, 3, 77, 255)), *(f"signal={number}" for number in (6, 9, 11, 15))]
TWO_RANKS = ("--launcher", "accelerate", "--num-processes", "2")


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("ending", ENDINGS)
def test_the_ending_is_the_scripts_own(project: Path, ending: str, ranks: int) -> None:
    (project / "train.py").write_text(SCRIPT)
    flags = TWO_RANKS if ranks == 2 else ("--launcher", "accelerate")
    done = tsdia_run("new", "config.yml", *flags, "--", ending, cwd=project)
    way, number = ending.split("=")
    assert done.returncode == (int(number) if way == "code" else 128 + int(number)), done.stderr
    attempt = record_of(project / "runs/exp")["attempts"][0]
    assert attempt["state"] == ("completed" if ending == "code=0" else "failed")
    outcome = attempt["outcome"]
    assert (outcome["exit_code"], outcome["signal"]) == ((int(number), None) if way == "code" else (None, int(number)))
    assert outcome["rank"] == (1 if ranks == 2 and ending != "code=0" else None)
    assert f"ending by {way} {number}" in log_of(project / "runs/exp")


WAITS = """\
import os, pathlib, signal, sys, time
def stop(number, frame):
    print("saving after", signal.Signals(number).name, flush=True)
    sys.exit(0)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, stop)
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""


def wait_for(running: subprocess.Popen[str], word: str) -> None:
    assert running.stdout
    for line in running.stdout:
        if word in line:
            return
    pytest.fail(f"ended without {word!r}: {running.stderr.read() if running.stderr else ''}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_request_to_stop_reaches_the_script_once_and_becomes_our_ending(
    start: Starter, project: Path, number: signal.Signals, ranks: int
) -> None:
    (project / "train.py").write_text(WAITS)
    running = start("new", "config.yml", *(TWO_RANKS if ranks == 2 else ()), cwd=project)
    wait_for(running, "ready")
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert running.returncode == -number
    assert "■ exp: stopped" in err
    record = record_of(project / "runs/exp")
    assert record["state"] == "stopped"
    assert number.name in record["attempts"][0]["outcome"]["reason"]
    log = log_of(project / "runs/exp")
    assert "saving after" in log
    assert ranks == 2 or log.count("saving after") == 1
    assert out.endswith("\n")


def test_the_third_request_kills_a_script_that_does_not_listen(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(
        "import signal, time\n"
        "for n in (2, 15):\n"
        "    signal.signal(n, lambda number, frame: print('no to', number, flush=True))\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    time.sleep(0.05)\n"
    )
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "ready")
    running.send_signal(signal.SIGINT)
    wait_for(running, "no to 2")
    running.send_signal(signal.SIGINT)
    wait_for(running, "no to 15")
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    assert running.returncode == -signal.SIGINT
    assert record_of(project / "runs/exp")["attempts"][0]["outcome"]["signal"] == 9


def test_ctrl_c_on_a_terminal_stops_a_shell_loop(project: Path) -> None:
    (project / "train.py").write_text(WAITS)
    loop = f"for i in 1 2 3; do echo round $i; {COMMAND} new config.yml --name exp-$i; done; echo after"
    shell = pexpect.spawn("bash", ["-c", loop], cwd=str(project), env=environment(), encoding="utf-8", timeout=30)
    shell.expect("ready")
    shell.sendintr()
    shell.expect(pexpect.EOF)
    assert "round 2" not in shell.before
    assert "stopped" in shell.before
    shell.close()
    assert [path.name for path in (project / "runs").iterdir()] == ["exp-1"]


def is_alive(pid: int) -> bool:
    """Neither gone nor a zombie that its new parent has not reaped yet."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_what_the_script_left_behind_is_ended(project: Path) -> None:
    (project / "train.py").write_text(
        "import subprocess, sys\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True, stdout=subprocess.DEVNULL)\n"
        "print(child.pid)\n"
    )
    done = tsdia_run("new", "config.yml", cwd=project)
    assert done.returncode == 0
    assert "left behind: sleep" in done.stderr
    assert not is_alive(int(done.stdout))


def test_the_training_outlives_its_supervisor_and_the_next_command_knows(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(
        "import os, pathlib, time\n"
        "print('ready', flush=True)\n"
        "while not pathlib.Path('go').exists():\n"
        "    time.sleep(0.02)\n"
        "print('last words', flush=True)\n"
        "os.makedirs('runs/exp/checkpoint-epoch0-step5', exist_ok=True)\n"
        "open('runs/exp/checkpoint-epoch0-step5/state.json', 'w').write('{}')\n"
    )
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "ready")
    running.kill()
    running.wait()
    refused = tsdia_run("new", "config.yml", "--move-aside", cwd=project)
    assert refused.returncode == 75
    assert "still runs" in refused.stderr
    assert tsdia_run("resume", "runs/exp", cwd=project).returncode in (65, 75)
    (project / "go").touch()
    assert running.stdout
    assert "last words" in running.stdout.read()  # until the relay has ended too
    resumed = tsdia_run("resume", "runs/exp", "--again", cwd=project)
    assert resumed.returncode == 0, resumed.stderr
    record = record_of(project / "runs/exp")
    assert [attempt["state"] for attempt in record["attempts"]] == ["completed", "completed"]
    assert "supervisor" in record["attempts"][0]["outcome"]["reason"]
    assert "last words" in log_of(project / "runs/exp")


def test_everything_killed_is_a_lost_attempt(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(
        "import os, time\n"
        "os.makedirs('runs/exp/checkpoint-epoch0-step5', exist_ok=True)\n"
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


def test_a_program_that_can_not_be_executed_is_told_as_a_shell_would(project: Path) -> None:
    (project / "broken").write_text("#!/no/such/interpreter\n")
    (project / "broken").chmod(0o755)
    done = tsdia_run("new", "config.yml", "--entrypoint", "broken", cwd=project)
    assert done.returncode == 127
    assert "could not be started" in done.stderr


def test_any_executable_can_be_the_entrypoint(project: Path) -> None:
    (project / "train.sh").write_text('#!/bin/sh\necho "$0 $1" in "$TSDIA_RUN_NAME"; exit 3\n')
    (project / "train.sh").chmod(0o755)
    done = tsdia_run("new", "config.yml", "--entrypoint", "./train.sh", cwd=project)
    assert (done.returncode, done.stdout) == (3, f"{project}/train.sh --config in exp\n")
