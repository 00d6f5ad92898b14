"""Start the processes of an attempt in a separate session, and find them by the run's tag."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tsdia_run.claim.processes import members
from tsdia_run.supervise.output import Streams

# The signal that the bootstrap registers with faulthandler.
STACKS_SIGNAL = 40

# W&B's service and others finish their upload in this time; then they get SIGTERM, then SIGKILL.
LEFTOVER_GRACE_S = 10.0
_TERM_GRACE_S = 5.0
_POLL_S = 0.05


class TrainingProcess:
    """The direct child: the script itself, or the launcher of several ranks."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self.pid = popen.pid
        self._popen = popen
        self.pidfd = os.pidfd_open(popen.pid)

    @classmethod
    def start(
        cls, argv: Sequence[str], *, cwd: Path, environment: Mapping[str, str], ends: Streams, keep: int
    ) -> TrainingProcess:
        """Start the training in a separate session, so that it gets Ctrl-C only once, from the supervisor.

        Args:
            argv: The command line.
            cwd: Its working directory.
            environment: Its complete environment.
            ends: Its standard streams.
            keep: Another descriptor for the child to inherit.

        Raises:
            OSError: The command can't be started.
        """

        def control() -> None:
            # The new session has no terminal yet; with this one it gets SIGWINCH, and SIGHUP when the terminal closes.
            fcntl.ioctl(ends.stdout, termios.TIOCSCTTY, 0)

        popen = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(environment),
            stdin=ends.stdin,
            stdout=ends.stdout,
            stderr=ends.stderr,
            pass_fds=(keep,),
            start_new_session=True,
            preexec_fn=control if ends.is_terminal else None,  # noqa: PLW1509 - no other thread is running at this time
        )
        return cls(popen)

    def wait(self) -> int:
        """Reap the child once ``pidfd`` is readable.

        Returns:
            The exit code, or the negative number of the signal that ended the child.
        """
        code = self._popen.wait()
        os.close(self.pidfd)
        return code

    def send(self, number: int) -> None:
        """Send a signal to the child; do nothing if it has ended."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)


def signal_members(run_id: str, number: int) -> None:
    """Send a signal to every process of the run."""
    for pid in members(run_id):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def signal_ranks(launcher: int, number: int) -> bool:
    """Send a signal to the ranks that a launcher started.

    Returns:
        Whether any rank was found.
    """
    found = living_ranks(launcher)
    for pid in found.values():
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    return bool(found)


def living_ranks(launcher: int) -> dict[int, int]:
    """Return the process id of each rank that a launcher started and that has not ended."""
    found = {}
    for pid in _children(launcher):
        for word in _words(pid, "environ"):
            if word.startswith(b"RANK=") and word[5:].isdigit():
                found[int(word[5:])] = pid
    return found


def is_still(pid: int, argv: Sequence[str]) -> bool:
    """Return whether a process still runs the program that it was started with."""
    return _words(pid, "cmdline")[: len(argv)] == [os.fsencode(word) for word in argv]


def show_stacks(run_id: str) -> bool:
    """Ask the ranks to write their stack traces.

    Returns:
        Whether any rank got the signal. Other processes don't get it: it would kill them.
    """
    found = [pid for pid in members(run_id) if _catches(pid, STACKS_SIGNAL)]
    for pid in found:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, STACKS_SIGNAL)
    return bool(found)


def _children(parent: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                # The program name in parentheses may contain any character.
                if int(file.read().rpartition(b")")[2].split()[1]) == parent:
                    found.append(int(name))
    return found


def _words(pid: int, file: str) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes().split(b"\0")
    except OSError:
        return []


def _catches(pid: int, number: int) -> bool:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def end_orphans(run_id: str, grace_s: float, is_hurried: Callable[[], bool]) -> bool:
    """End a training whose supervisor has died: SIGTERM to its topmost processes, then SIGKILL to all.

    Args:
        run_id: The run.
        grace_s: Time between SIGTERM and SIGKILL.
        is_hurried: Polled; ends the wait when it returns True.

    Returns:
        Whether no visible process of the run is left.
    """
    found = set(members(run_id))
    for pid in found - {child for parent in found for child in _children(parent)}:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
    if not _gone_within(run_id, grace_s, is_hurried):
        signal_members(run_id, signal.SIGKILL)
    return _gone_within(run_id, _TERM_GRACE_S, lambda: False)


def end_leftovers(run_id: str, grace_s: float, is_hurried: Callable[[], bool]) -> list[str]:
    """End leftover processes of the training, after they had time to exit.

    Args:
        run_id: The run.
        grace_s: Time before they get SIGTERM, and then SIGKILL.
        is_hurried: Polled; ends the wait when it returns True.

    Returns:
        The names of the processes that did not exit in time.
    """
    if _gone_within(run_id, grace_s, is_hurried):
        return []
    names = [_name(pid) for pid in members(run_id)]
    signal_members(run_id, signal.SIGTERM)
    if not _gone_within(run_id, _TERM_GRACE_S, is_hurried):
        signal_members(run_id, signal.SIGKILL)
        _gone_within(run_id, _TERM_GRACE_S, lambda: False)
    return names


def _gone_within(run_id: str, limit_s: float, is_hurried: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + limit_s
    while members(run_id):
        if time.monotonic() >= deadline_s or is_hurried():
            return False
        time.sleep(_POLL_S)
    return True


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return f"pid {pid}"
