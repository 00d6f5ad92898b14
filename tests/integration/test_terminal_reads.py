"""A process that waits for its terminal is recognised, however it waits."""

from __future__ import annotations

import os
import pty
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.command import wait_until
from tsdia_run.supervise.terminal_reads import waits_for_input

EACH_WAY = """\
import asyncio, getpass, os, select, selectors, sys

def with_readline():
    import readline
    input()

def polled():
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.poll()
    os.read(0, 99)

def selected(*files):
    select.select([0, *files], [], [])
    os.read(0, 99)

def with_epoll(*files):
    epoll = select.epoll()
    for file in (0, *files):
        epoll.register(file, select.EPOLLIN)
    epoll.poll()
    os.read(0, 99)

async def in_asyncio():
    pressed = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, pressed.set)
    await pressed.wait()
    os.read(0, 99)

def with_a_closed_one():
    epoll, copy = select.epoll(), os.dup(1)
    epoll.register(copy, select.EPOLLIN)
    os.dup2(copy, 70)
    os.close(copy)
    epoll.register(0, select.EPOLLIN)
    epoll.poll()
    os.read(0, 99)

for name, wait in {
    "input": input,
    "readline": with_readline,
    "readline of a file": sys.stdin.readline,
    "os.read": lambda: os.read(0, 99),
    "getpass": getpass.getpass,
    "poll": polled,
    "select": selected,
    "select with a pipe": lambda: selected(os.pipe()[0]),
    "epoll": with_epoll,
    "epoll with a pipe": lambda: with_epoll(os.pipe()[0]),
    "epoll with a closed descriptor": with_a_closed_one,
    "selectors": lambda: (selector := selectors.DefaultSelector(), selector.register(0, 1), selector.select(), input()),
    "asyncio": lambda: asyncio.run(in_asyncio()),
}.items():
    print(f"<{name}>", flush=True)
    wait()
print("end", flush=True)
"""
NO_INPUT = """\
import os, select
epoll = select.epoll()
epoll.register(os.pipe()[0], select.EPOLLIN)
epoll.register(1, select.EPOLLHUP)
print("ready", flush=True)
epoll.poll()
"""


@contextmanager
def on_terminal(script: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Run a script on a terminal of its own; yield its process and the other side of the terminal."""
    (folder / "script.py").write_text(script)
    pid, terminal = pty.fork()
    if not pid:
        os.execv(sys.executable, [sys.executable, "-S", str(folder / "script.py")])
    try:
        yield pid, terminal
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def test_each_way_to_wait_for_a_terminal_is_recognised(tmp_path: Path) -> None:
    with on_terminal(EACH_WAY, tmp_path) as (pid, terminal):
        shown = b""
        names = [line.split('"')[1] for line in EACH_WAY.splitlines() if line.startswith('    "')]
        for name in names:
            while f"<{name}>".encode() not in shown:
                shown += os.read(terminal, 999)
            wait_until(lambda: waits_for_input(pid))
            os.write(terminal, b"\r")


def test_a_process_that_waits_for_a_pipe_or_for_the_end_of_its_terminal_reads_no_keys(tmp_path: Path) -> None:
    with on_terminal(NO_INPUT, tmp_path) as (pid, terminal):
        while b"ready" not in os.read(terminal, 999):
            pass
        wait_until(lambda: Path(f"/proc/{pid}/syscall").read_text() != "running\n")
        assert not waits_for_input(pid)
        os.kill(pid, signal.SIGKILL)
