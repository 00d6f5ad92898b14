"""Processes that a script starts without the tag of its run: they are ended with the run, and nothing else is."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.command import COMMAND, TWO_RANKS, Starter, environment, record_of, tsdia_run, wait_for, wait_until
from tests.support.unprivileged import signal_only_own_processes
from tsdia_run.claim import owner, processes

# Overwrites the memory of the process that /proc/self/environ shows, as setproctitle does for a long title.
SET_TITLE = """\
import ctypes, re
begin, end = map(int, open("/proc/self/stat").read().rpartition(")")[2].split()[47:49])
ctypes.memset(begin, 120, end - begin - 1)
assert b"TSDIA_RUN" not in open("/proc/self/environ", "rb").read()
"""
# Each ends its arguments with the mark of the test, so that the test finds its processes by their command lines.
ESCAPES = {
    "own env": "subprocess.Popen(WORDS, env={})",
    "env -i": "subprocess.Popen(['env', '-i', *WORDS])",
    "new session": "subprocess.Popen(['setsid', 'env', '-i', *WORDS])",
    "double fork": """subprocess.run(['sh', '-c', 'setsid env -i "$@" & exit 0', 'sh', *WORDS])""",
    "nohup": """subprocess.run(['sh', '-c', 'nohup env -i "$@" >/dev/null 2>&1 & exit 0', 'sh', *WORDS])""",
    "tmux server": "subprocess.run(['tmux', '-S', 'socket', 'new', '-d', *WORDS], env={'PATH': os.environ['PATH']})",
    "overwritten environment": "subprocess.Popen([WORDS[0], '-c', SET_TITLE + WORDS[2], WORDS[-1]])",
    "two levels": "subprocess.Popen(['env', '-i', WORDS[0], '-c', INNER, *WORDS])",
    "ignores signals": "subprocess.Popen(['env', '-i', WORDS[0], '-c', STUBBORN + WORDS[2], WORDS[-1]])",
}
BEGIN = f"""\
import os, signal, subprocess, sys, time
SET_TITLE = {SET_TITLE!r}
INNER = "import subprocess, sys; subprocess.run(sys.argv[1:], env={{}})"
STUBBORN = "import signal; [signal.signal(number, signal.SIG_IGN) for number in (1, 2, 15)]\\n"
"""


class Script:
    """A training script that lets a process escape, and the processes that it started."""

    def __init__(self, project: Path, escape: str, then: str) -> None:
        self.mark = secrets.token_hex(8)
        words = [sys.executable, "-c", "import time; time.sleep(600)", self.mark]
        (project / "train.py").write_text(
            f"{BEGIN}WORDS = {words!r}\n"
            f"if os.environ.get('RANK', '0') == '0':\n    {escape}\n"
            f"time.sleep(1)\nprint('ready', flush=True)\n{then}\n"
        )

    def running(self) -> list[int]:
        """Return the running processes whose last argument is the mark; in a new one the program may be another."""
        return [pid for pid in processes.running() if self.mark in _words(pid)]


def _words(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    return []


@pytest.fixture
def kill() -> Iterator[list[Script]]:
    made: list[Script] = []
    yield made
    for script in made:
        for pid in script.running():
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("name", ESCAPES)
def test_a_process_without_the_tag_does_not_outlive_the_script(project: Path, kill: list[Script], name: str) -> None:
    script = Script(project, ESCAPES[name], f"assert {name!r}")
    kill.append(script)
    done = tsdia_run("new", "config.yml", cwd=project)
    assert done.returncode == 0, done.stderr
    assert script.running() == []
    assert "ended leftover processes of the training: " in done.stderr


@pytest.mark.parametrize("name", ["own env", "double fork", "tmux server"])
def test_stop_now_ends_it_too(start: Starter, project: Path, kill: list[Script], name: str) -> None:
    script = Script(project, ESCAPES[name], "time.sleep(600)")
    kill.append(script)
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "ready")
    assert script.running()
    assert tsdia_run("stop", "runs/exp", "--now", cwd=project).returncode == 0
    running.communicate(timeout=60)
    assert script.running() == []


def test_with_two_ranks_and_a_killed_launcher(start: Starter, project: Path, kill: list[Script]) -> None:
    script = Script(project, ESCAPES["double fork"], "time.sleep(600)")
    kill.append(script)
    running = start("new", "config.yml", *TWO_RANKS, cwd=project, env={"ACCELERATE_USE_CPU": "true"})
    wait_for(running, "ready")
    (launcher,) = [
        pid
        for pid, one in processes.running().items()
        if one.parent == running.pid and any(word.endswith("launcher.py") for word in _words(pid))
    ]
    os.kill(launcher, signal.SIGKILL)
    running.communicate(timeout=120)
    assert running.returncode == 137
    assert script.running() == []
    assert processes.members(record_of(project / "runs/exp")["run_id"], project / "runs/exp") == []


@pytest.mark.parametrize("name", ["own env", "overwritten environment", "two levels"])
def test_stop_finds_it_after_the_supervisor_was_killed(
    start: Starter, project: Path, kill: list[Script], name: str
) -> None:
    script = Script(project, ESCAPES[name], "time.sleep(600)")
    kill.append(script)
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "ready")
    running.kill()
    running.wait()
    assert tsdia_run("stop", "runs/exp", cwd=project).returncode == 0
    assert script.running() == []


def test_stop_finds_a_script_that_has_overwritten_its_own_environment(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(
        f"import os, time\n{SET_TITLE}print('ready', os.getpid(), flush=True)\ntime.sleep(600)\n"
    )
    running = start("new", "config.yml", cwd=project)
    pid = int(wait_for(running, "ready").split()[1])
    running.kill()
    running.wait()
    refused = tsdia_run("resume", "runs/exp", "--from-scratch", cwd=project)
    assert refused.returncode == 75, refused.stderr
    stopped = tsdia_run("stop", "runs/exp", cwd=project)
    assert stopped.returncode == 0, stopped.stderr
    assert owner.start_ticks(pid) is None


def test_a_tmux_server_that_was_there_before_survives(project: Path) -> None:
    socket = str(project / "socket")
    subprocess.run(["tmux", "-S", socket, "new", "-d", "sleep", "600"], check=True)
    try:
        (project / "train.py").write_text(
            f"import subprocess\nsubprocess.run(['tmux', '-S', {socket!r}, 'neww', 'sleep', '500'], check=True)\n"
        )
        done = tsdia_run("new", "config.yml", cwd=project)
        assert done.returncode == 0, done.stderr
        assert "leftover" not in done.stderr
        windows = subprocess.run(["tmux", "-S", socket, "lsw"], capture_output=True, text=True, check=True).stdout
        assert len(windows.splitlines()) == 2
    finally:
        subprocess.run(["tmux", "-S", socket, "kill-server"], check=False)


def test_what_its_starter_started_before_survives(project: Path) -> None:
    """A shell that becomes tsdia-run leaves it its children."""
    (project / "train.py").write_text("print('done')\n")
    shell = f"setsid sleep 600 & echo $! > before; exec {COMMAND} new config.yml"
    done = subprocess.run(["sh", "-c", shell], cwd=project, env=environment(), timeout=60, check=False)
    pid = int((project / "before").read_text())
    try:
        assert done.returncode == 0
        assert owner.start_ticks(pid) is not None
    finally:
        os.kill(pid, signal.SIGKILL)


def test_orphans_are_reaped_and_no_exit_code_is_lost(start: Starter, project: Path) -> None:
    (project / "train.py").write_text(
        "import os, subprocess, sys, time\n"
        "for _ in range(20):\n    os.system('sh -c \"sleep 0.05 & exit 0\"')\n"
        "print('ready', flush=True)\n"
        "assert [subprocess.run(['sh', '-c', f'exit {n}']).returncode for n in range(50)] == list(range(50))\n"
        "while not os.path.exists('go'):\n    time.sleep(0.05)\n"
        "sys.exit(7)\n"
    )
    running = start("new", "config.yml", cwd=project)
    wait_for(running, "ready")

    def zombies() -> int:
        found = [processes.facts(int(path.name)) for path in Path("/proc").glob("[0-9]*")]
        return sum(one is not None and one.has_ended and one.parent == running.pid for one in found)

    time.sleep(1)
    wait_until(lambda: zombies() == 0)
    (project / "go").touch()
    running.communicate(timeout=60)
    assert running.returncode == 7


@pytest.mark.root
def test_a_process_of_another_user_is_named(project: Path, kill: list[Script]) -> None:
    script = Script(project, "subprocess.Popen(['sh', '-c', 'sleep 300; :', WORDS[-1]], user=65534)", "sys.exit(3)")
    kill.append(script)
    done = subprocess.run(
        [COMMAND, "new", "config.yml"],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=signal_only_own_processes,
    )
    assert done.returncode == 3, done.stderr
    (pid,) = script.running()
    assert "could not end leftover processes of the training, which another user owns: " in done.stderr
    assert f" (pid {pid})" in done.stderr


@pytest.mark.root
def test_in_a_pid_namespace_with_the_proc_of_another_nothing_else_is_signalled(project: Path) -> None:
    """There, tsdia-run is process 1, and the numbers in /proc mean other processes: daemons are children of its 1."""
    (project / "train.py").write_text("import time\ntime.sleep(2)\n")
    words = ["unshare", "-p", "-f", COMMAND, "new", "config.yml"]
    with subprocess.Popen(words, cwd=project, env=environment(), stderr=subprocess.PIPE, text=True) as running:
        time.sleep(1)
        daemon = subprocess.run(
            ["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 & echo $!"], capture_output=True, text=True, check=True
        )
        try:
            _, said = running.communicate(timeout=60)
            assert running.returncode == 0, said
            assert "leftover" not in said
            assert owner.start_ticks(int(daemon.stdout)) is not None
        finally:
            os.kill(int(daemon.stdout), signal.SIGKILL)
