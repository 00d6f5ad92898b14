"""Signals to tsdia-run, and to the launcher of several ranks, as in the tables of docs/endings.md."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pexpect
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
from tests.support.tables import rows
from tsdia_run.claim.processes import members

TO_US = {row[0]: row[1:] for row in rows("endings.md", "signal", "the script gets it", "what follows")}
ALL = {"SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL"}

# Prints the signals that it gets; those that request a stop end it, after enough time for another signal.
LISTENS = """\
import os, pathlib, signal, sys, time
def say(text):
    sys.stdout.write(text + "\\n")  # in one piece: ranks run with -u, and share the pipe
    sys.stdout.flush()
def note(number, frame):
    say("got " + signal.Signals(number).name)
    if number in (signal.SIGINT, signal.SIGTERM):
        time.sleep(float(os.environ.get("SAVE_S", "0.3")))
        say("saved")
        sys.exit(0)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, note)
say(f"ready {os.getppid()}")
while not pathlib.Path("go").exists():
    time.sleep(0.05)
say("the end")
"""


def listening(start: Starter, project: Path, ranks: int, **env: str) -> tuple[subprocess.Popen[str], int]:
    """Run a training that prints its signals; return it with the parent of its ranks."""
    (project / "train.py").write_text(LISTENS)
    running = start("new", "config.yml", *(TWO_RANKS if ranks == 2 else ()), cwd=project, env=env)
    parents = [int(wait_for(running, "ready").split()[1]) for _ in range(ranks)]
    return running, parents[0]


def test_the_tables_have_every_signal() -> None:
    assert set(TO_US) == {row[0] for row in rows("endings.md", "signal", "state", "exit code")} == ALL


REASON = {"SIGTERM": "SIGTERM", "SIGINT": "Ctrl-C (SIGINT)"}


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_stop_request_reaches_each_rank_once_and_becomes_the_ending_of_the_run(
    start: Starter, project: Path, name: str, ranks: int
) -> None:
    # torch's launcher would kill ranks that take longer than 30 s.
    is_long = (ranks, name) == (2, "SIGTERM")
    running, _ = listening(start, project, ranks, **({"SAVE_S": "31"} if is_long else {}))
    running.send_signal(signal.Signals[name])
    out, err = running.communicate(timeout=120)
    assert TO_US[name] == ("once", f"stopped, death by {signal.Signals(-running.returncode).name}")
    assert "■ exp: stopped" in err
    record = record_of(project / "runs/exp")
    assert record["state"] == "stopped"
    assert record["attempts"][0]["outcome"]["reason"].startswith(f"stopped by {REASON[name]}; ")
    log = log_of(project / "runs/exp")
    assert (log.count("got"), log.count(f"got {name}"), log.count("saved")) == (ranks, ranks, ranks)
    assert out.endswith("\n")


@pytest.mark.parametrize("ranks", [1, 2])
def test_signals_that_do_not_stop_a_training(start: Starter, project: Path, ranks: int) -> None:
    running, _ = listening(start, project, ranks)
    for name in ("SIGHUP", "SIGUSR1", "SIGUSR2"):
        gets_it, follows = TO_US[name]
        assert follows == "continues"
        running.send_signal(signal.Signals[name])
        for _ in range(ranks if gets_it == "once" else 0):
            assert wait_for(running, "got") == f"got {name}\n"
    assert TO_US["SIGKILL"] == ("no", "continues; the next command reports how it ended")
    running.kill()
    running.wait()
    assert tsdia_run("resume", "runs/exp", cwd=project).returncode == 75
    (project / "go").touch()
    assert running.stdout
    rest = running.stdout.read()  # until the relay has exited too
    assert (rest.count("got"), rest.count("the end")) == (0, ranks)
    told = tsdia_run("stop", "runs/exp", cwd=project)
    assert told.returncode == 0
    assert "completed: the script exited with code 0; the supervisor had been killed before" in told.stderr


@pytest.mark.parametrize(("name", "state", "exit_code"), rows("endings.md", "signal", "state", "exit code"))
def test_a_signal_to_the_launcher_ends_both_ranks(
    start: Starter, project: Path, name: str, state: str, exit_code: str
) -> None:
    (project / "train.py").write_text(
        "import os, sys, time\nsys.stdout.write(f'ready {os.getppid()}\\n')\nsys.stdout.flush()\ntime.sleep(600)\n"
    )
    running = start("new", "config.yml", *TWO_RANKS, cwd=project)
    launcher, _ = (int(wait_for(running, "ready").split()[1]) for _ in range(2))
    os.kill(launcher, signal.Signals[name])
    running.communicate(timeout=60)
    assert running.returncode == int(exit_code)
    attempt = record_of(project / "runs/exp")["attempts"][0]
    assert attempt["state"] == state
    assert name in attempt["outcome"]["reason"]
    assert members(record_of(project / "runs/exp")["run_id"], project / "runs/exp") == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_signal_while_torch_is_imported_leaves_no_process_behind(
    start: Starter, project: Path, name: str, ranks: int
) -> None:
    (project / "train.py").write_text("import torch\nprint('imported', flush=True)\n")
    running = start("new", "config.yml", *(TWO_RANKS if ranks == 2 else ()), cwd=project)
    record = project / "runs/exp/run.json"
    wait_until(lambda: record.exists() and record_of(project / "runs/exp")["state"] == "running")
    running.send_signal(signal.Signals[name])
    running.communicate(timeout=60)
    assert running.returncode == -signal.Signals[name]
    assert record_of(project / "runs/exp")["state"] == "stopped"
    assert members(record_of(project / "runs/exp")["run_id"], project / "runs/exp") == []


def test_the_third_request_kills_a_script_that_ignores_signals(start: Starter, project: Path) -> None:
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
    (project / "train.py").write_text(LISTENS)
    loop = f"for i in 1 2 3; do echo round $i; {COMMAND} new config.yml --name exp-$i; done; echo after"
    shell = pexpect.spawn("bash", ["-c", loop], cwd=str(project), env=environment(), encoding="utf-8", timeout=30)
    shell.expect("ready")
    shell.sendintr()
    shell.expect(pexpect.EOF)
    assert "round 2" not in shell.before
    assert "stopped" in shell.before
    shell.close()
    assert [path.name for path in (project / "runs").iterdir()] == ["exp-1"]
