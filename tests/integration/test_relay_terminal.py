"""The relay between a user's terminal and the training's."""

from __future__ import annotations

import os
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pexpect
import pytest

import tests.support.relay_on_terminal as stand_in

LIMIT_S = 15


class Session:
    """A user's terminal on which a command runs under a relay."""

    def __init__(self, folder: Path, code: str) -> None:
        self.log = folder / "training_x.log"
        argv = [str(stand_in.__file__), str(self.log), sys.executable, "-u", "-c", code]
        environment = os.environ | {"PYTHONPATH": str(Path(stand_in.__file__).parents[2]), "TERM": "xterm"}
        self.user = pexpect.spawn(sys.executable, argv, dimensions=(30, 90), timeout=LIMIT_S, env=environment)
        self.before = termios.tcgetattr(self.user.child_fd)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < end, "not in time"
            time.sleep(0.01)

    def wait_for_keys_to_pass(self) -> None:
        self.wait_for(lambda: not termios.tcgetattr(self.user.child_fd)[3] & termios.ICANON)

    def are_modes_restored(self) -> bool:
        return termios.tcgetattr(self.user.child_fd) == self.before

    def wait_for_log(self, text: str) -> None:
        self.wait_for(lambda: self.log.exists() and text in self.log.read_text())


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Session]]:
    sessions = []

    def started(code: str) -> Session:
        sessions.append(Session(tmp_path, code))
        return sessions[-1]

    yield started
    for session in sessions:
        with suppress(OSError):  # if the test has closed it
            session.user.close(force=True)


def test_the_training_is_on_a_terminal_and_its_questions_are_answered(start: Callable[[str], Session]) -> None:
    session = start(
        "import os, sys; print(*os.get_terminal_size(), sys.stdin.isatty()); print('hello', input('name? '))"
    )
    session.user.expect_exact("90 30 True\r\n")
    session.user.expect_exact("name? ")
    session.wait_for_keys_to_pass()
    session.user.sendline("bob")
    session.user.expect_exact("bob\r\nhello bob\r\n")
    session.user.expect(pexpect.EOF)
    assert session.log.read_text().splitlines() == ["90 30 True", "name? bob", "hello bob", "footer"]
    assert session.are_modes_restored()


def test_more_keys_than_the_training_reads_at_once_are_kept(start: Callable[[str], Session]) -> None:
    session = start(
        "import sys, termios, time\n"
        "modes = termios.tcgetattr(0); modes[3] &= ~termios.ECHO; termios.tcsetattr(0, termios.TCSANOW, modes)\n"
        "print('ready'); time.sleep(1)\n"
        "print('got', 1 + next(i for i, line in enumerate(sys.stdin) if line == 'end\\n'))"
    )
    session.user.expect_exact("ready")
    session.wait_for_keys_to_pass()
    pasted = b"a line that was pasted\n" * 4000 + b"end\n"
    typing = threading.Thread(target=session.user.send, args=(pasted,), daemon=True)
    typing.start()
    session.user.expect_exact("got 4001")
    session.user.expect(pexpect.EOF)
    typing.join(LIMIT_S)
    assert session.log.read_text().splitlines() == ["ready", "got 4001", "footer"]


def test_a_new_size_of_the_terminal_is_passed_on(start: Callable[[str], Session]) -> None:
    session = start(
        "import os, signal; signal.signal(signal.SIGWINCH, lambda *_: print('now', *os.get_terminal_size()));"
        "print('ready'); input()"
    )
    session.user.expect_exact("ready")
    session.wait_for_keys_to_pass()
    session.user.setwinsize(40, 120)
    session.user.expect_exact("now 120 40")
    session.user.sendline("")
    session.user.expect(pexpect.EOF)


def test_ctrl_c_reaches_the_supervisor_and_the_output_is_complete(start: Callable[[str], Session]) -> None:
    session = start(
        "import time\ntry: print('ready'); time.sleep(60)\n"
        "except KeyboardInterrupt: print('saving'); time.sleep(.3); print('saved')"
    )
    session.user.expect_exact("ready\r\n")  # else Ctrl-C may come before the end of the line
    session.wait_for_keys_to_pass()
    session.user.sendintr()
    session.user.expect_exact("saved")
    session.user.expect(pexpect.EOF)
    assert session.log.read_text().splitlines() == ["ready", "saving", "saved", "footer"]


def test_ctrl_z_restores_the_terminal_and_continuing_takes_it_again(start: Callable[[str], Session]) -> None:
    session = start("print('ready'); print('got', input())")
    session.user.expect_exact("ready")
    session.wait_for_keys_to_pass()
    session.user.sendcontrol("z")
    session.wait_for(session.are_modes_restored)
    status = Path(f"/proc/{session.user.pid}/stat")
    session.wait_for(lambda: status.read_text().rsplit(")", 1)[1].split()[0] == "T")
    os.kill(session.user.pid, signal.SIGCONT)
    session.wait_for_keys_to_pass()
    session.user.sendline("it")
    session.user.expect_exact("got it")
    session.user.expect(pexpect.EOF)


def test_a_killed_supervisor_leaves_a_usable_terminal_and_a_complete_log(start: Callable[[str], Session]) -> None:
    session = start("import time; print('ready'); time.sleep(1); print('done')")
    session.user.expect_exact("ready")
    session.wait_for_keys_to_pass()
    session.user.kill(signal.SIGKILL)
    session.wait_for(session.are_modes_restored)
    session.wait_for_log("the supervisor had died before")
    assert session.log.read_text().splitlines()[:2] == ["ready", "done"]


def test_a_closed_terminal_does_not_end_the_training(start: Callable[[str], Session]) -> None:
    session = start("import time; print('ready'); time.sleep(1); print('done')")
    session.user.expect_exact("ready")
    session.wait_for_keys_to_pass()
    os.close(session.user.child_fd)
    session.wait_for_log("footer")
    assert session.log.read_text().splitlines() == ["ready", "done", "footer"]


BARS = """
import shutil, sys
columns = shutil.get_terminal_size().columns
for number in range(60):
    print("line", number)
for step in range(20):
    # As indicatif draws: two bars of the terminal's full width, then up to the first one, which is erased.
    sys.stdout.write(f"bar {step}".ljust(columns) + f"second {step}".ljust(columns))
    sys.stdout.flush()
    if step < 19:
        sys.stdout.write("\\r\\x1b[1A\\x1b[2K")
print()
"""


def test_bars_as_wide_as_the_terminal_erase_no_lines(start: Callable[[str], Session]) -> None:
    session = start(BARS)
    session.user.expect(pexpect.EOF)
    lines = session.log.read_text().splitlines()
    assert lines[:60] == [f"line {number}" for number in range(60)]
    assert "second 19" in lines[-2]


def test_a_new_size_of_the_terminal_is_the_size_of_the_log_s_screen(start: Callable[[str], Session]) -> None:
    session = start(f"print('ready'); input()\n{BARS}")
    session.user.expect_exact("ready")
    session.wait_for_keys_to_pass()
    session.user.setwinsize(20, 45)
    session.wait_for(lambda: session.user.getwinsize() == (20, 45))
    time.sleep(0.3)  # until the relay has copied the size
    session.user.sendline("")
    session.user.expect(pexpect.EOF)
    assert [line for line in session.log.read_text().splitlines() if line.startswith("line ")] == [
        f"line {number}" for number in range(60)
    ]


@pytest.mark.parametrize(
    ("written", "restored"),
    [
        ("\\x1b[?1049h\\x1b[?25l\\x1b[2Jfull screen", b"\x1b[?1049l\x1b[?25h\r\n"),
        ("\\x1b[?1000;2004h\\x1b=text\\n", b"\x1b[?1000l\x1b[?2004l\x1b>"),
        ("\\x1b[31mno newline", b"\x1b[0m\r\n"),
        ("first bar\\nsecond bar\\x1b[A", b"\r\n\r\n"),
        ("complete\\x1b[0m\\n\\x1b[K", b""),
        ("gone\\r\\x1b[K", b""),
    ],
)
def test_the_terminal_is_restored_and_the_cursor_is_on_a_new_line(
    start: Callable[[str], Session], written: str, restored: bytes
) -> None:
    session = start(f"import sys; sys.stdout.write('{written}'); sys.stdout.flush()")
    session.user.expect(pexpect.EOF)
    raw = written.encode().decode("unicode_escape").replace("\n", "\r\n").encode()
    assert session.user.before == raw + restored.replace(b"\r\n", b"\r\r\n")
