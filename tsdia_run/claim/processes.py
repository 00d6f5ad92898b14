"""Find processes: those of a run by the tag in their environment, descendants by their parents, and users of a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.rundir import env

# Fields 3, 4 and 22 of /proc/PID/stat, counted from the end of the name, which may contain spaces: proc_pid_stat(5).
_STATE, _PARENT, _START_TICKS = 0, 1, 19
_ENDED = (b"Z", b"X")
_STOPPED = b"T"
_RANK = b"LOCAL_RANK="
_DIR = f"{env.RUN_DIR}=".encode()


@dataclass(frozen=True)
class ProcessFacts:
    """What the kernel knows about a process.

    Attributes:
        parent: The process id of its parent.
        start_ticks: When it started, in clock ticks since the boot: a reused process id has another value.
        has_ended: Whether it is a zombie.
        is_stopped: Whether a signal has stopped it (SIGSTOP, Ctrl-Z).
    """

    parent: int
    start_ticks: int
    has_ended: bool
    is_stopped: bool = False


def facts(pid: int) -> ProcessFacts | None:
    """Return what the kernel knows about a process; None if it does not exist."""
    try:
        # The pid may be invalid, for example negative, if a user edited the file that contains it.
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    state = fields[_STATE]
    return ProcessFacts(int(fields[_PARENT]), int(fields[_START_TICKS]), state in _ENDED, state == _STOPPED)


def running() -> dict[int, ProcessFacts]:
    """Return all processes of this machine that have not ended."""
    found = {pid: facts(pid) for pid in _pids()}
    return {pid: one for pid, one in found.items() if one is not None and not one.has_ended}


def members(run_id: str, run_dir: Path) -> list[int]:
    """Return all live processes with the tag of the run, including those that left their parents and sessions.

    The id alone is not enough: a copied run has it too. So ``TSDIA_RUN_DIR`` must lead to this directory.
    Returns an empty list without /proc: users read runs on other systems too, where no run can be running.

    Args:
        run_id: The run.
        run_dir: Its directory, under any path.
    """
    tag = f"{env.RUN_ID}={run_id}".encode()
    found = []
    for pid in _pids():
        words = environment(pid)
        if pid != os.getpid() and tag in words and _is_in(pid, words, run_dir):
            found.append(pid)
    return found


def stopped_ranks(run_id: str, run_dir: Path) -> list[int]:
    """Return the ranks of a run, or its script, that a signal has stopped (SIGSTOP, Ctrl-Z).

    Args:
        run_id: The run.
        run_dir: Its directory, under any path.
    """
    tagged = {pid: found for pid in members(run_id, run_dir) if (found := facts(pid)) is not None}
    stopped = {pid: one.parent for pid, one in tagged.items() if one.is_stopped}
    # A helper that the script has stopped does not suspend the run.
    return sorted(pid for pid, parent in stopped.items() if parent not in tagged or _is_rank(pid, parent))


def _is_rank(pid: int, parent: int) -> bool:
    """Return whether a launcher started a process as a rank."""
    return [any(word.startswith(_RANK) for word in environment(one)) for one in (pid, parent)] == [True, False]


def _is_in(pid: int, words: Iterable[bytes], run_dir: Path) -> bool:
    recorded = next((word.removeprefix(_DIR) for word in words if word.startswith(_DIR)), b"")
    try:
        # Through the root of the process, which may be in a container.
        there = os.stat(b"/proc/%d/root%b" % (pid, recorded))
        return os.path.samestat(there, os.stat(run_dir))
    except OSError:  # the directory was removed
        return recorded == os.fsencode(run_dir)


def with_descendants(roots: Iterable[int], known: Mapping[int, ProcessFacts]) -> set[int]:
    """Return processes and all their descendants, without this process and what it started.

    Args:
        roots: The processes.
        known: All running processes.
    """
    children: dict[int, list[int]] = {}
    for pid, one in known.items():
        children.setdefault(one.parent, []).append(pid)
    found: set[int] = set()
    left = [pid for pid in roots if pid in known]
    while left:
        pid = left.pop()
        if pid not in found and pid != os.getpid():
            found.add(pid)
            left += children.get(pid, [])
    return found


def environment(pid: int) -> list[bytes]:
    """Return the variables with which a process was started, as ``NAME=VALUE``; none if this user may not read them.

    A zombie has none. A process may overwrite them, as ``setproctitle`` does.
    """
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def open_files(pid: int) -> Iterator[tuple[str, str]]:
    """Yield the open files of a process: a path that leads to the open file itself, and the path of its name."""
    folder = f"/proc/{pid}/fd"
    with suppress(OSError):  # it has ended, or belongs to another user
        for name in os.listdir(folder):
            with suppress(OSError):
                yield f"{folder}/{name}", os.readlink(f"{folder}/{name}")


def users_of(path: Path) -> list[int]:
    """Return the processes that have a file open, under whatever path; slow, since it reads all open files."""
    try:
        wanted = os.stat(path)
    except OSError:
        return []
    return [pid for pid in _pids() if pid != os.getpid() and any(_is(link, wanted) for link, _ in open_files(pid))]


def _is(link: str, wanted: os.stat_result) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.stat(link), wanted)
    return False


def _pids() -> list[int]:
    """Return the processes of this machine; none if /proc shows another PID namespace, which has other numbers."""
    try:
        if os.readlink("/proc/self") == str(os.getpid()):
            return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:  # not Linux, or this process is not in that namespace
        pass
    return []
