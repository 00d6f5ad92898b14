"""Ctrl-C, Ctrl-Z and Ctrl-\\ while the training takes them as keys, and while it waits for input."""

from __future__ import annotations

import signal
import sys
import termios
from pathlib import Path

import pexpect
import pytest

from tests.support.command import TWO_RANKS, lines_of, record_of, wait_until
from tests.support.terminal import spawn

LIMIT_S = 60
STOPPING = "Stopping: waiting up to 60 s for the script to save. Press Ctrl-C again to end it within 10 s."


def started(project: Path, script: str, *words: str) -> pexpect.spawn:
    (project / "train.py").write_text(script)
    shell = spawn("new", "config.yml", *words, cwd=project)
    shell.setecho(False)
    return shell


def ended(shell: pexpect.spawn) -> str:
    """Return the output up to the end, and check that the user's terminal has its modes back."""
    shell.expect(pexpect.EOF, timeout=LIMIT_S)
    shell.close()
    assert isinstance(shell.before, str)
    return shell.before


RAW = """\
import os, termios, tty
modes = termios.tcgetattr(0)
tty.setraw(0)
os.write(1, b"raw\\r\\n")
keys = b""
while len(keys) < 5:
    keys += os.read(0, 1)
termios.tcsetattr(0, termios.TCSANOW, modes)
print("keys", keys, flush=True)
"""


def test_a_program_in_raw_mode_gets_the_keys(project: Path) -> None:
    shell = started(project, RAW)
    shell.expect("raw")
    shell.send("\x03\x1a\x1c\x13\x11")
    shell.expect_exact(r"keys b'\x03\x1a\x1c\x13\x11'")
    assert "completed" in ended(shell)


def test_keys_request_a_stop_again_after_raw_mode(project: Path) -> None:
    shell = started(project, RAW + "import time\ntime.sleep(600)\n")
    shell.expect("raw")
    shell.send("\x03" * 5)
    shell.expect("keys")
    shell.sendintr()
    shell.expect_exact(STOPPING)
    ended(shell)
    assert record_of(project / "runs/exp")["state"] == "stopped"


def test_vim_gets_ctrl_c(project: Path) -> None:
    shell = started(
        project,
        "import subprocess\nsubprocess.run(['vim', '-u', 'NONE', '-N', 'note.txt'])\nprint('left vim', flush=True)\n",
    )
    shell.expect("~")
    shell.send("ione")
    shell.expect("one")
    shell.send("\x03")  # leaves the insert mode, and vim discards what was typed before it sees this
    while shell.expect(["left vim", pexpect.TIMEOUT], timeout=1):
        shell.send(":wq\r")
    assert "completed" in ended(shell)
    assert (project / "note.txt").read_text() == "one\n"


def test_ctrl_c_at_a_prompt_goes_to_the_script(project: Path) -> None:
    shell = started(
        project,
        "for round in range(2):\n"
        "    try: print('got', input('name? '), flush=True)\n"
        "    except KeyboardInterrupt: print('interrupted', flush=True)\n",
    )
    shell.expect("name[?] ")
    shell.send("part of a line")
    shell.expect("part of a line")
    shell.sendintr()
    shell.expect("interrupted")
    shell.expect("name[?] ")
    shell.send("ada\r")
    shell.expect("got ada")
    assert "completed" in ended(shell)
    assert not (project / "runs/exp/attempts/0/stop.json").exists()


def test_a_script_that_dies_of_ctrl_c_at_its_prompt_is_stopped(project: Path) -> None:
    shell = started(project, "input('name? ')\n", "--max-restarts", "3")
    shell.expect("name[?] ")
    shell.sendintr()
    text = ended(shell)
    assert "by Ctrl-C (SIGINT)" in text
    assert "restarting" not in text
    assert shell.signalstatus == signal.SIGINT


def test_ctrl_c_in_pdb_does_not_stop_the_run(project: Path) -> None:
    shell = started(project, "step = 7\nbreakpoint()\nprint('continued', flush=True)\n")
    for _ in range(3):
        shell.expect_exact("(Pdb) ")
        shell.sendintr()
    shell.expect_exact("(Pdb) ")
    shell.send("p step + 1\r")
    shell.expect_exact("8")
    shell.send("c\r")
    shell.expect("continued")
    assert "completed" in ended(shell)


def test_ctrl_c_in_a_debugger_does_not_end_the_other_processes_of_the_training(project: Path) -> None:
    shell = started(
        project,
        "import subprocess, time\nworker = subprocess.Popen(['sleep', '600'])\nbreakpoint()\n"
        "print('worker', worker.poll(), flush=True)\nworker.kill()\nworker.wait()\n",
    )
    shell.expect_exact("(Pdb) ")
    shell.sendintr()
    shell.expect_exact("(Pdb) ")
    shell.send("c\r")
    shell.expect("worker None")
    assert "completed" in ended(shell)


def test_less_gets_ctrl_c_alone(project: Path) -> None:
    (project / "lines.txt").write_text("".join(f"line {number}\n" for number in range(500)))
    shell = started(project, "import subprocess\nprint('less', subprocess.run(['less', 'lines.txt']).returncode)\n")
    shell.expect("line 38.*lines.txt")  # its prompt
    shell.sendintr()
    while shell.expect(["less 0|less -2", pexpect.TIMEOUT], timeout=1):
        shell.send("q")
    assert "completed" in ended(shell)


def test_ctrl_c_in_pdb_of_one_rank_does_not_stop_the_run(project: Path) -> None:
    shell = started(
        project,
        "import os\nif os.environ['RANK'] == '0':\n    breakpoint()\nprint('continued', flush=True)\n",
        *TWO_RANKS,
    )
    shell.expect_exact("(Pdb) ")
    shell.sendintr()
    shell.expect_exact("(Pdb) ")
    shell.send("c\r")
    assert "completed" in ended(shell)
    assert lines_of(project / "runs/exp").count("continued") == 2


def test_a_shell_in_the_training_has_its_own_job_control(project: Path) -> None:
    shell = started(
        project,
        "import subprocess\nsubprocess.run(['bash', '--norc', '-i'])\nprint('left the shell', flush=True)\n",
    )
    shell.expect_exact("bash-")
    shell.send("sleep 600\r")
    wait_until(lambda: "sleep 600" in _commands())
    shell.sendintr()
    shell.send("echo code $?\r")
    shell.expect("code 130")
    shell.send("sleep 601\r")
    wait_until(lambda: "sleep 601" in _commands())
    shell.sendcontrol("z")
    shell.expect("Stopped")
    shell.send("kill %1; exit\r")
    shell.send("exit\r")
    shell.expect("left the shell")
    assert "completed" in ended(shell)


def _commands() -> set[str]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip())
        except OSError:
            continue
    return found


def test_a_signal_from_another_process_stops_a_script_at_a_prompt(project: Path) -> None:
    shell = started(project, "input('name? ')\n")
    shell.expect("name[?] ")
    shell.kill(signal.SIGINT)
    shell.expect_exact(STOPPING)
    ended(shell)
    assert shell.signalstatus == signal.SIGINT
    assert record_of(project / "runs/exp")["state"] == "stopped"


def test_a_thread_that_reads_the_terminal_does_not_keep_ctrl_c_from_the_run(project: Path) -> None:
    shell = started(
        project,
        "import sys, threading, time\n"
        "threading.Thread(target=sys.stdin.readline, daemon=True).start()\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n",
    )
    shell.expect("ready")
    shell.sendintr()
    shell.expect_exact(STOPPING)
    ended(shell)


def test_once_a_stop_is_requested_ctrl_c_at_a_prompt_hurries_it(project: Path) -> None:
    shell = started(
        project,
        "import signal, time\n"
        "def ask(number, frame):\n"
        "    while True:\n"
        "        try: input('save? ')\n"
        "        except KeyboardInterrupt: print('no', flush=True)\n"
        "signal.signal(signal.SIGINT, ask)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n",
    )
    shell.expect("ready")
    shell.sendintr()
    shell.expect("save[?] ")
    shell.sendintr()
    shell.expect_exact("Stopping: sending SIGTERM. The script is killed in 10 s.")
    ended(shell)
    assert record_of(project / "runs/exp")["attempts"][0]["outcome"]["signal"] == signal.SIGTERM


@pytest.mark.parametrize("words", [(), TWO_RANKS])
def test_ctrl_backslash_stops_immediately_without_a_core_file(project: Path, words: tuple[str, ...]) -> None:
    shell = started(project, "import time\nprint('ready', flush=True)\ntime.sleep(600)\n", *words)
    shell.expect("ready")
    shell.sendcontrol("\\")
    text = ended(shell)
    assert "Stopping (by Ctrl-\\ (SIGQUIT)) immediately: killing every process of the run with SIGKILL." in text
    assert shell.signalstatus == signal.SIGQUIT  # 131 in a shell
    record = record_of(project / "runs/exp")
    assert record["state"] == "stopped"
    assert record["attempts"][0]["outcome"]["reason"].startswith("stopped by Ctrl-\\ (SIGQUIT)")
    assert not list(project.rglob("core*"))


def test_the_users_terminal_has_its_modes_back_when_a_raw_program_is_killed(project: Path) -> None:
    (project / "train.py").write_text(
        "import os, signal, tty\ntty.setraw(0)\nos.write(1, b'raw')\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    shell = pexpect.spawn("bash", ["--norc"], cwd=str(project), encoding="utf-8", timeout=LIMIT_S)
    before = termios.tcgetattr(shell.child_fd)[3] & (termios.ISIG | termios.ICANON)
    command = Path(sys.executable).with_name("tsdia-run")
    shell.send(f"PS1=; stty sane; {command} new config.yml; stty -a\r")
    shell.expect("; isig|[^-]isig")
    assert before & termios.ISIG
    shell.close(force=True)
