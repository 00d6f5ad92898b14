"""Signals to tsdia-run, and to the launcher of several ranks, as in the tables of docs/endings.md."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pexpect
import pytest

from tests.support.command import (
    COMMAND,
    TWO_RANKS,
    Starter,
    environment,
    lines_of,
    log_of,
    record_of,
    tsdia_run,
    wait_for,
    wait_until,
)
from tests.support.slow import each_once, slow
from tests.support.tables import rows
from tsdia_run.claim.processes import facts, members

TO_US = {row[0]: row[1:] for row in rows("endings.md", "signal", "the script gets it", "what follows")}
REAL_TIME = "SIGRTMIN to SIGRTMAX"
LIKE_SIGTERM = {"SIGHUP", "SIGUSR1", "SIGUSR2"}
OF_C_LIBRARY = {32, 33}
TO_THE_LAUNCHER = {"SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL"}


def name_of(number: int) -> str:
    if number in OF_C_LIBRARY:
        return f"{number}, of the C library"
    return REAL_TIME if number >= signal.SIGRTMIN else signal.Signals(number).name


# Prints the signals that it gets; those that request a stop end it, after enough time for another signal.
LISTENS = """\
import os, pathlib, signal, sys, time
def say(text):
    sys.stdout.write(text + "\\n")  # in one piece: ranks run with -u, and share the pipe
    sys.stdout.flush()
def note(number, frame):
    say(f"got {number}")
    if number in (signal.SIGINT, signal.SIGTERM):
        time.sleep(float(os.environ.get("SAVE_S", "0.3")))
        say("saved")
        sys.exit(0)
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGCONT}:
    signal.signal(number, note)
say(f"ready {os.getppid()} {os.getpid()}")
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
    assert set(TO_US) == {name_of(number) for number in signal.valid_signals() | OF_C_LIBRARY}
    assert {row[0] for row in rows("endings.md", "signal", "state", "exit code")} == TO_THE_LAUNCHER


REASON = {"SIGTERM": "SIGTERM", "SIGINT": "Ctrl-C (SIGINT)"}


@pytest.mark.parametrize(("name", "ranks"), each_once(["SIGTERM", "SIGINT"], [1, 2]))
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
    assert (log.count("got"), log.count(f"got {int(signal.Signals[name])}"), log.count("saved")) == (
        ranks,
        ranks,
        ranks,
    )
    assert out.endswith("\n")


@pytest.mark.parametrize("ranks", [1, 2])
def test_signals_that_do_not_stop_a_training(start: Starter, project: Path, ranks: int) -> None:
    running, _ = listening(start, project, ranks)
    for number in sorted(signal.valid_signals() | OF_C_LIBRARY):
        gets_it, follows = TO_US[name_of(number)]
        if follows == "continues":
            running.send_signal(number)
            for _ in range(ranks if gets_it == "once" else 0):
                assert wait_for(running, "got") == f"got {number}\n"
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
    assert "completed: the script exited with code 0; its supervisor did not record this" in told.stderr


@pytest.mark.parametrize(("name", "ranks"), each_once(["SIGSTOP", "SIGTSTP"], [1, 2]))
def test_signals_that_stop_this_process_until_it_is_continued(
    start: Starter, project: Path, name: str, ranks: int
) -> None:
    assert TO_US["SIGSTOP"] == ("no", "continues without tsdia-run until SIGCONT")
    assert TO_US["SIGTSTP"] == ("no", "suspended until SIGCONT")
    (project / "train.py").write_text(LISTENS)
    running = start("new", "config.yml", *(TWO_RANKS if ranks == 2 else ()), cwd=project)
    pids = [int(wait_for(running, "ready").split()[2]) for _ in range(ranks)]
    wait_until(lambda: record_of(project / "runs" / "exp")["state"] == "running")
    running.send_signal(signal.Signals[name])
    wait_until(lambda: is_stopped(running.pid))
    wait_until(lambda: [is_stopped(pid) for pid in pids] == [name == "SIGTSTP"] * ranks)
    found = json.loads(tsdia_run("info", "runs/exp", "--json", cwd=project).stdout)
    assert (found["state"], found["suspended"]) == ("running", name == "SIGTSTP")
    if name == "SIGTSTP":
        assert f"kill -CONT {running.pid}" in found["reason"]
        assert "exp: suspended" in tsdia_run("info", "runs/exp", cwd=project).stdout
        assert "suspended" in tsdia_run("list", "--state", "suspended", cwd=project).stdout
    running.send_signal(signal.SIGCONT)
    (project / "go").touch()
    running.communicate(timeout=60)
    assert running.returncode == 0


def is_stopped(pid: int) -> bool:
    found = facts(pid)
    return found is not None and found.is_stopped


@pytest.mark.parametrize("ranks", [1, 2])
def test_sigquit_stops_immediately(start: Starter, project: Path, ranks: int) -> None:
    running, _ = listening(start, project, ranks)
    running.send_signal(signal.SIGQUIT)
    running.communicate(timeout=60)
    assert TO_US["SIGQUIT"] == (
        "no",
        f"stopped immediately, death by {signal.Signals(-running.returncode).name}",
    )
    assert record_of(project / "runs/exp")["state"] == "stopped"
    assert "got" not in lines_of(project / "runs/exp")
    assert members(record_of(project / "runs/exp")["run_id"], project / "runs/exp") == []


@pytest.mark.parametrize(("name", "ranks"), each_once(["SIGINT", "SIGTERM"], [1, 2]))
def test_a_signal_that_is_delivered_twice_is_one_request(start: Starter, project: Path, name: str, ranks: int) -> None:
    running, _ = listening(start, project, ranks, SAVE_S="2")
    for _ in range(3):  # npm and docker: the group gets it, and then they pass it on
        running.send_signal(signal.Signals[name])
        wait_until(lambda: not is_pending(running.pid, signal.Signals[name]))
    running.communicate(timeout=60)
    log = log_of(project / "runs/exp")
    assert (log.count("got"), log.count("saved")) == (ranks, ranks)


def is_pending(pid: int, number: int) -> bool:
    """Return whether a process has not read a signal yet."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.split("ShdPnd:")[1].split()[0], 16) >> (number - 1) & 1)


@pytest.mark.parametrize("name", [*slow("INT"), "TERM"])
def test_timeout_gives_the_script_time_to_save(project: Path, name: str) -> None:
    (project / "train.py").write_text(LISTENS)
    subprocess.run(
        ["timeout", "-s", name, "4", COMMAND, "new", "config.yml"],
        cwd=project,
        env=environment({"SAVE_S": "2"}),
        check=False,
        capture_output=True,
        timeout=60,
    )
    log = log_of(project / "runs/exp")
    assert (log.count("got"), log.count("saved")) == (1, 1)


@pytest.mark.parametrize(("how", "ranks"), each_once(["SIGINT", "SIGTERM", "stop", "supervisor"], [1, 2]))
def test_a_stopped_training_is_continued_so_that_it_can_save(
    start: Starter, project: Path, how: str, ranks: int
) -> None:
    (project / "train.py").write_text(LISTENS)
    running = start("new", "config.yml", *(TWO_RANKS if ranks == 2 else ()), cwd=project)
    pids = [int(wait_for(running, "ready").split()[2]) for _ in range(ranks)]
    if how == "supervisor":  # Ctrl-Z, then `tsdia-run stop` elsewhere
        running.send_signal(signal.SIGTSTP)
        wait_until(lambda: is_stopped(running.pid))
    else:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: all(map(is_stopped, pids)))
    if how in ("stop", "supervisor"):
        done = tsdia_run("stop", "runs/exp", cwd=project)
        assert done.returncode == 0, done.stderr
        assert ("the run was suspended" in done.stderr) is (how == "supervisor")
    else:
        running.send_signal(signal.Signals[how])
    running.communicate(timeout=60)
    assert log_of(project / "runs/exp").count("saved") == ranks
    assert record_of(project / "runs/exp")["state"] == "stopped"


@pytest.mark.parametrize(
    ("name", "state", "exit_code"),
    [
        pytest.param(*row, marks=[pytest.mark.slow] if row[0] in LIKE_SIGTERM else [])
        for row in rows("endings.md", "signal", "state", "exit code")
    ],
)
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


@pytest.mark.parametrize(("name", "ranks"), each_once(["SIGTERM", "SIGINT"], [1, 2]))
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
    time.sleep(1.1)  # identical signals within a second are one request
    running.send_signal(signal.SIGINT)
    wait_for(running, "no to 15")
    time.sleep(1.1)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert [line for line in err.splitlines() if "Stopping" in line] == [
        "tsdia-run: Stopping: waiting up to 60 s for the script to save. Press Ctrl-C again to end it within 10 s.",
        "tsdia-run: Stopping: sending SIGTERM. The script is killed in 10 s.",
        "tsdia-run: Stopping: killing every process of the run with SIGKILL.",
    ]
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
