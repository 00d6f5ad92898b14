"""Whether a process waits for input from a terminal: at a prompt, in a debugger or in a shell."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from itertools import islice

# Major numbers of terminals, consoles and /dev/tty, and of pseudo-terminals: Documentation/admin-guide/devices.txt.
_TERMINALS = {4, 5, 204, *range(136, 144)}
_POLLFD = struct.Struct("=ihh")
_POLLIN = 1
_MAX_FDS = 64


class _Call(Enum):
    READ = "read"
    POLL = "poll"
    SELECT = "select"
    EPOLL = "epoll"


# The numbers of the system calls that wait for input, from the kernel's syscall tables.
_CALLS = {
    "x86_64": {
        0: _Call.READ,
        19: _Call.READ,
        7: _Call.POLL,
        271: _Call.POLL,
        23: _Call.SELECT,
        270: _Call.SELECT,
        232: _Call.EPOLL,
        281: _Call.EPOLL,
        441: _Call.EPOLL,
    },
    "aarch64": {
        63: _Call.READ,
        65: _Call.READ,
        73: _Call.POLL,
        72: _Call.SELECT,
        22: _Call.EPOLL,
        441: _Call.EPOLL,
    },
}


def waits_for_input(pid: int) -> bool:
    """Return whether the main thread of a process is blocked until its terminal has input.

    A process whose other threads read the terminal trains meanwhile. Returns False if the kernel does not show it.
    """
    try:
        with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
            words = file.read().split()
        return any(_is_terminal(pid, fd) for fd in _awaited(pid, words))
    except (OSError, ValueError):
        return False


def _awaited(pid: int, words: list[str]) -> Iterator[int]:
    """Yield the descriptors whose input a system call waits for.

    Args:
        pid: The process.
        words: /proc/PID/syscall: the number of the call in decimal, and its arguments in hexadecimal; or ``running``.
    """
    if len(words) < 3:
        return
    call = _CALLS.get(os.uname().machine, {}).get(int(words[0]))
    first, second = int(words[1], 16), int(words[2], 16)
    if call is _Call.READ:
        yield first
    elif call is _Call.POLL:
        data = _memory(pid, first, min(second, _MAX_FDS) * _POLLFD.size)
        yield from (fd for fd, events, _ in _POLLFD.iter_unpack(data) if events & _POLLIN)
    elif call is _Call.SELECT and second:
        bits = int.from_bytes(_memory(pid, second, (min(first, 1024) + 7) // 8), "little")
        yield from islice((fd for fd in range(first) if bits >> fd & 1), _MAX_FDS)
    elif call is _Call.EPOLL:
        yield from islice(_watched(pid, first), _MAX_FDS)


def _watched(pid: int, epoll: int) -> Iterator[int]:
    """Yield the descriptors whose input an epoll descriptor watches: proc_pid_fdinfo(5)."""
    with open(f"/proc/{pid}/fdinfo/{epoll}", encoding="ascii") as file:
        for words in map(str.split, file):
            if words[0] == "tfd:" and int(words[3], 16) & _POLLIN:
                yield int(words[1])


def _memory(pid: int, address: int, size: int) -> bytes:
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        file.seek(address)
        return file.read(size)


def _is_terminal(pid: int, fd: int) -> bool:
    with suppress(OSError):  # the process has closed it, and waits for others too
        found = os.stat(f"/proc/{pid}/fd/{fd}")
        return stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) in _TERMINALS
    return False
