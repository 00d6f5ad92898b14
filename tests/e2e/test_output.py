"""The output of a training under the installed command: on terminals, through pipes, and when a process dies."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pexpect
import pytest

from tests.support.command import COMMAND, Starter, environment, lines_of, log_of, record_of, tsdia_run
from tsdia_run.supervise.output import DRAIN_S


def on_terminal(*words: str, cwd: Path) -> pexpect.spawn:
    return pexpect.spawn(
        COMMAND, list(words), cwd=str(cwd), env=environment(), encoding="utf-8", timeout=30, dimensions=(30, 100)
    )


def relays(run_dir: Path) -> list[int]:
    """Return the relays of a run, found by their command lines."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes()
            if b"\0tsdia_run relay\0" in words and os.fsencode(run_dir) in words:
                found.append(int(folder.name))
    return found


def until(condition: Callable[[], object], limit_s: float = 20) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.02)


def test_on_a_terminal_the_training_is_on_a_terminal_of_the_same_size(project: Path) -> None:
    (project / "train.py").write_text(
        "import os, sys\n"
        "print([stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)], os.get_terminal_size())\n"
        "print('\\x1b[31mred\\x1b[0m')\n"
    )
    shell = on_terminal("new", "config.yml", cwd=project)
    shell.expect(re.escape("[True, True, True] os.terminal_size(columns=100, lines=30)"))
    shell.expect(re.escape("\x1b[31mred\x1b[0m"))
    shell.expect(pexpect.EOF)
    assert "red" in lines_of(project / "runs/exp")


def test_a_new_size_is_passed_on_if_standard_input_is_not_a_terminal(project: Path) -> None:
    (project / "train.py").write_text(
        "import os, signal\n"
        "signal.signal(signal.SIGWINCH, lambda *_: print('now', *os.get_terminal_size(), flush=True))\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    shell = pexpect.spawn(
        "sh", ["-c", f"{COMMAND} new config.yml < /dev/null"], cwd=str(project), env=environment(), timeout=30
    )
    shell.expect("ready")
    shell.setwinsize(40, 120)
    shell.expect("now 120 40")
    shell.expect(pexpect.EOF)


def test_no_pty_and_a_redirected_stream_mean_pipes(project: Path) -> None:
    (project / "train.py").write_text("import sys; print(sys.stdout.isatty(), sys.stderr.isatty())\n")
    shell = on_terminal("new", "config.yml", "--no-pty", cwd=project)
    shell.expect("False False")
    shell.expect(pexpect.EOF)
    shell = on_terminal("new", "config.yml", "--name", "piped", cwd=project)
    shell.expect("True True")
    shell.expect(pexpect.EOF)


def test_typed_text_reaches_the_training_and_is_shown_once(project: Path) -> None:
    (project / "train.py").write_text("print('got', repr(input('name? ')))\n")
    shell = on_terminal("new", "config.yml", cwd=project)
    shell.expect("name[?] ")
    shell.send("adx\x7fa\r")
    shell.expect("got 'ada'")
    shell.expect(pexpect.EOF)
    assert "name? ada" in lines_of(project / "runs/exp")


def test_the_log_shows_only_the_last_state_of_a_bar(project: Path) -> None:
    (project / "train.py").write_text(
        "from tqdm import tqdm\n"
        "for i in tqdm(range(500), desc='steps', mininterval=0):\n"
        "    if i == 250:\n"
        "        tqdm.write('half way')\n"
        "print('done')\n"
    )
    shell = on_terminal("new", "config.yml", cwd=project)
    shell.expect(pexpect.EOF)
    lines = lines_of(project / "runs/exp")
    assert [line for line in lines if "steps" in line] == [next(line for line in lines if "500/500" in line)]
    assert "half way" in lines
    assert "done" in lines


def test_through_pipes_the_streams_stay_apart_and_the_log_has_both(project: Path) -> None:
    (project / "train.py").write_text(
        "import os\nfor i in range(200):\n    os.write(1, b'out %d\\n' % i)\n    os.write(2, b'err %d\\n' % i)\n"
    )
    done = tsdia_run("new", "config.yml", "-q", cwd=project)
    assert done.stdout == "".join(f"out {i}\n" for i in range(200))
    assert done.stderr == "".join(f"err {i}\n" for i in range(200))
    lines = lines_of(project / "runs/exp")
    assert [line for line in lines if line.startswith("out")] == done.stdout.splitlines()
    assert [line for line in lines if line.startswith("err")] == done.stderr.splitlines()


def test_timestamps_start_the_lines(project: Path) -> None:
    (project / "train.py").write_text("print('hello')\n")
    assert tsdia_run("new", "config.yml", "--log-timestamps", cwd=project).stdout == "hello\n"
    assert re.search(r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d hello$", log_of(project / "runs/exp"), re.M)


def test_rotated_parts_in_the_order_of_their_names_are_the_stream(project: Path) -> None:
    (project / "config.yml").write_text((project / "config.yml").read_text() + "  logs: {max_size: 64 KiB}\n")
    (project / "train.py").write_text("for i in range(60000): print('line', i)\n")
    done = tsdia_run("new", "config.yml", "-q", cwd=project)
    assert done.returncode == 0
    logs = project / "runs/exp/logs"
    stem = record_of(project / "runs/exp")["attempts"][0]["log"].removeprefix("logs/").removesuffix("log")
    until(lambda: not list(logs.glob("*.tmp*")))
    command = f"zcat -f {stem}*"
    stream = subprocess.run(["bash", "-c", command], cwd=logs, capture_output=True, text=True, check=True).stdout
    assert len(list(logs.glob(f"{stem}*"))) > 3
    assert [line for line in stream.splitlines() if line.startswith("line")] == [f"line {i}" for i in range(60000)]


TALKS = """\
import pathlib, time
for i in range(100000):
    print("line", i, flush=True)
    if i == 2000:
        print("ready", flush=True)
    if i > 2000:
        time.sleep(0.001)
    if pathlib.Path("go").exists():
        break
print("last line", i, flush=True)
"""


def is_complete(lines: list[str]) -> bool:
    """Return whether no number is missing, up to the one in the last line."""
    last = int(lines[-1].split()[-1])
    wanted = {f"line {i}" for i in range(last + 1)}
    return lines[-1].startswith("last line") and wanted <= set(lines)


def test_a_killed_relay_is_replaced_and_the_training_continues(project: Path, start: Starter) -> None:
    (project / "train.py").write_text(TALKS)
    running = start("new", "config.yml", cwd=project)
    assert running.stdout
    next(line for line in running.stdout if line == "ready\n")
    (first,) = relays(project / "runs/exp")
    os.kill(first, signal.SIGKILL)
    until(lambda: first not in relays(project / "runs/exp") and relays(project / "runs/exp"), 5)
    (project / "go").touch()
    _, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    assert "the relay was killed and restarted" in err
    log = log_of(project / "runs/exp")
    assert "lost" not in log
    numbers = [int(line.split()[1]) for line in log.splitlines() if re.fullmatch(r"line \d+", line)]
    assert numbers == list(range(len(numbers)))
    assert "last line" in log


def test_a_relay_that_is_killed_right_before_the_end_loses_no_line(project: Path) -> None:
    (project / "train.py").write_text(
        "import os, pathlib, signal, sys\n"
        "for folder in pathlib.Path('/proc').glob('[0-9]*'):\n"
        "    try: words = (folder / 'cmdline').read_bytes()\n"
        "    except OSError: continue\n"
        "    if b'\\0tsdia_run relay\\0' in words and os.fsencode(os.getcwd()) in words:\n"
        "        os.kill(int(folder.name), signal.SIGKILL)\n"
        "for i in range(1000): print('line', i)\n"
    )
    done = tsdia_run("new", "config.yml", cwd=project)
    assert done.returncode == 0
    assert "the relay was killed and restarted" in done.stderr
    assert lines_of(project / "runs/exp") == [f"line {i}" for i in range(1000)] == done.stdout.splitlines()
    log = log_of(project / "runs/exp").splitlines()
    assert len(log) == 1002
    assert "completed after" in log[-1]


FLOODS = """\
import random, time
numbers = random.Random(1)
for i in range(40000):
    print("line", i)
    if i % 500 == 0:
        print("partial", end="", flush=True)
        time.sleep(numbers.random() * 0.1)
        print(" of", i, flush=True)
"""


@pytest.mark.parametrize("terminal", ["", "--no-pty"])
def test_many_kills_of_the_relay_lose_double_and_reorder_nothing(project: Path, terminal: str) -> None:
    (project / "config.yml").write_text((project / "config.yml").read_text() + "  logs: {max_size: 64 KiB}\n")
    (project / "train.py").write_text(FLOODS)
    running = on_terminal("new", "config.yml", *filter(None, [terminal]), cwd=project)
    numbers, shown, kills = random.Random(3), "", 0
    while True:
        try:
            shown += running.read_nonblocking(1 << 16, timeout=numbers.random() * 0.2)
        except pexpect.TIMEOUT:
            pass
        except pexpect.EOF:
            break
        if numbers.random() < 0.3 and kills < 30:
            for pid in relays(project / "runs/exp"):
                os.kill(pid, signal.SIGKILL)
                kills += 1
    assert kills > 5
    stem = record_of(project / "runs/exp")["attempts"][0]["log"].removesuffix("log")
    log = subprocess.run(
        ["bash", "-c", f"zcat -f {stem}*"], cwd=project / "runs/exp", capture_output=True, text=True, check=True
    )
    expected = []
    for i in range(40000):
        expected += [f"line {i}", f"partial of {i}"] if i % 500 == 0 else [f"line {i}"]
    for name, text in (("log", log.stdout), ("console", shown)):
        lines = [line.strip("\r") for line in text.split("\n")]
        assert [line for line in lines if re.match(r"line|partial", line)] == expected, name


STOPS_IN_A_LINE = """\
import time
for i in range(1000): print("line", i)
print("a line without an end", end="", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("terminal", ["", "--no-pty"])
def test_a_journal_in_files_survives_a_kill_of_relay_and_supervisor(project: Path, terminal: str) -> None:
    (project / "config.yml").write_text((project / "config.yml").read_text() + "  logs: {journal: file}\n")
    (project / "train.py").write_text(STOPS_IN_A_LINE)
    running = on_terminal("new", "config.yml", *filter(None, [terminal]), cwd=project)
    running.expect_exact("a line without an end")
    assert (project / "runs/exp/.tsdia/journal-0").is_dir()
    (relay,) = relays(project / "runs/exp")
    os.kill(running.pid, signal.SIGSTOP)  # it must not start another relay
    os.kill(relay, signal.SIGKILL)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert "a line without an end" not in log_of(project / "runs/exp")
    tsdia_run("stop", "runs/exp", cwd=project)  # without a terminal, the script is still running
    (project / "train.py").write_text("print('resumed')\n")
    until(lambda: tsdia_run("resume", "runs/exp", "--from-scratch", cwd=project).returncode == 0)
    log = (project / "runs/exp" / record_of(project / "runs/exp")["attempts"][0]["log"]).read_text().splitlines()
    last = ["a line without an end", "[tsdia-run: end of output; the supervisor had died before]"]
    assert log[1:] == [*(f"line {i}" for i in range(1000)), *last]
    assert not list((project / "runs/exp/.tsdia").glob("journal-*"))


def test_readers_leave_a_journal_as_it_is(project: Path) -> None:
    (project / "config.yml").write_text((project / "config.yml").read_text() + "  logs: {journal: file}\n")
    (project / "train.py").write_text("import os; print('partial', end='', flush=True); os.kill(os.getppid(), 9)\n")
    tsdia_run("new", "config.yml", cwd=project)
    until(lambda: not relays(project / "runs/exp"))
    folder = project / "runs/exp/.tsdia/journal-0"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {"data", "state", "settings.json"}
    for words in (["info", "runs/exp"], ["list"], ["logs", "runs/exp"]):
        tsdia_run(*words, cwd=project)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_reader_that_closes_the_pipe_causes_no_lost_line(project: Path) -> None:
    (project / "train.py").write_text("for i in range(50000): print('line', i)\nprint('last line', i)\n")
    command = f"{COMMAND} new config.yml -q | head -1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=project, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "line 0\n"
    assert is_complete(lines_of(project / "runs/exp"))
    assert record_of(project / "runs/exp")["state"] == "completed"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_cause_no_loss(project: Path, closed: str) -> None:
    (project / "train.py").write_text("import sys; sys.stdin.read(); print('hello')\n")
    done = subprocess.run(
        ["bash", "-c", f"exec {COMMAND} new config.yml {closed}"], cwd=project, env=environment(), check=False
    )
    assert done.returncode == 0
    assert "hello" in lines_of(project / "runs/exp")


def test_a_closed_terminal_causes_no_lost_line(project: Path) -> None:
    (project / "train.py").write_text(TALKS)
    shell = on_terminal("new", "config.yml", cwd=project)
    shell.expect("ready")
    shell.ptyproc.fileobj.close()  # as when the window is closed: pexpect's own close would send SIGINT too
    (project / "go").touch()
    until(lambda: record_of(project / "runs/exp")["state"] == "completed")
    until(lambda: not relays(project / "runs/exp"))
    assert is_complete(lines_of(project / "runs/exp"))


def test_a_stalled_console_does_not_block_the_training(project: Path) -> None:
    (project / "train.py").write_text(
        "for i in range(400000): print('line', i)\nprint('last line', i, flush=True)\nopen('finished', 'w')\n"
    )
    running = subprocess.Popen(
        [COMMAND, "new", "config.yml", "-q"], cwd=project, env=environment(), stdout=subprocess.PIPE, text=True
    )
    with running:
        assert running.stdout
        until((project / "finished").exists)  # no process has read a byte so far
        shown = running.stdout.read()
    assert running.returncode == 0
    assert "bytes skipped here" in shown
    assert is_complete(lines_of(project / "runs/exp"))


def test_a_stopped_supervisor_does_not_block_the_training(project: Path, start: Starter) -> None:
    (project / "train.py").write_text(
        "import os, time\nopen('began', 'w')\nwhile not os.path.exists('go'): time.sleep(0.01)\n"
        "for i in range(200000): print('line', i)\nprint('last line', i, flush=True)\nopen('finished', 'w')\n"
    )
    running = start("new", "config.yml", "-q", cwd=project)
    until((project / "began").exists)
    running.send_signal(signal.SIGSTOP)
    (project / "go").touch()
    until((project / "finished").exists)
    running.send_signal(signal.SIGCONT)
    running.communicate(timeout=30)
    assert running.returncode == 0
    assert is_complete(lines_of(project / "runs/exp"))


def test_a_process_that_keeps_the_output_open_is_not_waited_for(project: Path) -> None:
    # This process, which the training did not start, gets its output.
    (project / "train.py").write_text(
        "import socket\n"
        "holder = socket.socket(socket.AF_UNIX)\n"
        "holder.connect('holder')\n"
        "socket.send_fds(holder, [b'+'], [1])\n"
    )
    began = time.monotonic()
    with socket.socket(socket.AF_UNIX) as holder:
        holder.bind(os.path.relpath(project / "holder"))
        holder.listen()
        done = tsdia_run("new", "config.yml", cwd=project)
    assert time.monotonic() - began < 15
    assert done.returncode == 0
    assert "keeps the training's output open" in done.stderr


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts a tmpfs")
def test_a_full_disk_under_the_log_does_not_affect_the_training(project: Path) -> None:
    logs = project / "runs" / "exp" / "logs"
    (project / "train.py").write_text(
        "import pathlib, subprocess, sys\n"
        f"logs = {str(logs)!r}\n"
        "subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', logs], check=True)\n"
        "for i in range(50000): print('line', i)\n"
        "print('end', flush=True)\n"
        "sys.exit(3)\n"
    )
    try:
        done = tsdia_run("new", "config.yml", cwd=project)
    finally:
        subprocess.run(["umount", str(logs)], check=False)
    assert done.returncode == 3
    assert done.stdout.endswith("end\n")


def test_a_deleted_log_folder_does_not_affect_the_training(project: Path) -> None:
    (project / "train.py").write_text(
        "import shutil, time\nprint('before', flush=True)\ntime.sleep(0.5)\nshutil.rmtree('runs/exp/logs')\n"
        "for i in range(1000): print('line', i, flush=True)\n"
    )
    done = tsdia_run("new", "config.yml", cwd=project)
    assert done.returncode == 0
    assert done.stdout.endswith("line 999\n")


def test_a_script_that_closes_its_output_long_before_it_ends_is_not_waited_for(project: Path) -> None:
    (project / "train.py").write_text("import os, time\nos.close(1)\nos.close(2)\ntime.sleep(1)\n")
    assert tsdia_run("new", "config.yml", cwd=project).returncode == 0
    last = record_of(project / "runs/exp")["attempts"][0]
    began, ended = (datetime.fromisoformat(last[name]) for name in ("started_at", "ended_at"))
    assert (ended - began).total_seconds() < DRAIN_S
