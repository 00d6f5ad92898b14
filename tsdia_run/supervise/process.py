"""Start the training of an attempt in a separate session, and end what it leaves behind."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.claim import processes
from tsdia_run.supervise.output import Streams
from tsdia_run.supervise.run_processes import RunProcesses

# The signal that the bootstrap registers with faulthandler.
STACKS_SIGNAL = 40

# W&B's service and others finish their upload in this time; then they get SIGTERM, then SIGKILL.
LEFTOVER_GRACE_S = 10.0
_TERM_GRACE_S = 5.0
# Until the kernel has removed a process after SIGKILL.
_KILL_S = 5.0
_POLL_S = 0.05
# Fields 14 and 15 of /proc/PID/stat, counted from the end of the name: proc_pid_stat(5).
_CPU_TICKS = slice(11, 13)
# The kernel enforces the limit by its clock ticks, which differ from the time that it shows.
_CPU_TOLERANCE_S, _CPU_TOLERANCE = 0.3, 0.02


class TrainingProcess:
    """The direct child: the script itself, or the launcher of several ranks."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self.pid = popen.pid
        self._popen = popen
        self.pidfd = os.pidfd_open(popen.pid)

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        ends: Streams,
        keep: int,
        unblock: Callable[[], None],
    ) -> TrainingProcess:
        """Start the training in a separate session, so that it gets Ctrl-C only once, from the supervisor.

        Args:
            argv: The command line.
            cwd: Its working directory.
            environment: Its complete environment.
            ends: Its standard streams.
            keep: Another descriptor for the child to inherit.
            unblock: Called in the child: stops blocking the signals that this process blocks.

        Raises:
            OSError: The command can't be started.
        """

        def prepare() -> None:
            unblock()
            if ends.is_terminal:
                # The new session has no terminal yet; with this one it gets SIGWINCH, and SIGHUP when the terminal
                # closes.
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
            preexec_fn=prepare,  # noqa: PLW1509 - no other thread is running at this time
        )
        return cls(popen)

    def is_at_cpu_limit(self) -> bool:
        """Return whether the child has used the CPU time that its hard limit allows; call it before ``wait``."""
        import resource  # only needed at the end

        with suppress(OSError):
            limit_s = resource.prlimit(self.pid, resource.RLIMIT_CPU)[1]
            fields = Path(f"/proc/{self.pid}/stat").read_bytes().rpartition(b")")[2].split()
            used_s = sum(map(int, fields[_CPU_TICKS])) / os.sysconf("SC_CLK_TCK")
            return limit_s != resource.RLIM_INFINITY and used_s >= limit_s * (1 - _CPU_TOLERANCE) - _CPU_TOLERANCE_S
        return False

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
    for pid, one in processes.running().items():
        for word in processes.environment(pid) if one.parent == launcher else ():
            if word.startswith(b"RANK=") and word[5:].isdigit():
                found[int(word[5:])] = pid
    return found


def is_still(pid: int, argv: Sequence[str]) -> bool:
    """Return whether a process still runs the program that it was started with."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return words[: len(argv)] == [os.fsencode(word) for word in argv]


def show_stacks(found: RunProcesses) -> bool:
    """Ask the ranks to write their stack traces.

    Returns:
        Whether any rank got the signal. Other processes don't get it: it would kill them.
    """
    ranks = [pid for pid in found.own() if _catches(pid, STACKS_SIGNAL)]
    found.signal(ranks, STACKS_SIGNAL)
    return bool(ranks)


def _catches(pid: int, number: int) -> bool:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


@dataclass(frozen=True)
class Leftovers:
    """The processes that a training left behind, by their names.

    Attributes:
        ended: Those that did not exit in time and were ended.
        remaining: Those that tsdia-run may not end, with their process ids.
    """

    ended: tuple[str, ...] = ()
    remaining: tuple[str, ...] = ()


def end_leftovers(found: RunProcesses, is_hurried: Callable[[], bool]) -> Leftovers:
    """End leftover processes of the training, after they had time to exit.

    Args:
        found: The processes of the run.
        is_hurried: Polled; ends the wait when it returns True.
    """
    if _gone_within(found.living, LEFTOVER_GRACE_S, is_hurried):
        return Leftovers()
    own = found.own()
    names = {pid: _name(pid) for pid in own}
    found.wake()
    found.signal(own, signal.SIGTERM)
    inner_s = found.ask_inner(signal.SIGTERM)
    if not _gone_within(found.own, _TERM_GRACE_S, is_hurried):
        found.signal(found.own(), signal.SIGKILL)
    if not _gone_within(found.living, max(inner_s, _KILL_S), is_hurried if inner_s else lambda: False):
        found.signal(found.living(), signal.SIGKILL)
        _gone_within(found.living, _KILL_S, lambda: False)
    left = found.living()
    ended = sorted({name for pid, name in names.items() if pid not in left})
    return Leftovers(tuple(ended), tuple(f"{_name(pid)} (pid {pid})" for pid in sorted(left)))


def end_orphans(found: RunProcesses, grace_s: float, is_hurried: Callable[[], bool]) -> Leftovers:
    """End a training whose supervisor or launcher has died: SIGTERM to its topmost processes, then SIGKILL to all.

    Args:
        found: Its processes.
        grace_s: Time between SIGTERM and SIGKILL.
        is_hurried: Polled; ends the wait when it returns True.
    """
    found.wake()
    found.ask_inner(signal.SIGTERM)
    topmost = found.topmost()
    found.signal(topmost, signal.SIGTERM)
    if not _gone_within(lambda: topmost & found.living(), grace_s, is_hurried):
        found.signal(found.own(), signal.SIGKILL)
    return end_leftovers(found, is_hurried)


def _gone_within(living: Callable[[], Collection[int]], limit_s: float, is_hurried: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + limit_s
    while living():
        if time.monotonic() >= deadline_s or is_hurried():
            return False
        time.sleep(_POLL_S)
    return True


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return f"pid {pid}"
