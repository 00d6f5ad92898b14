"""The processes of a run: those with its tag, their descendants, and those that its supervisor has adopted."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.claim import processes
from tsdia_run.claim.processes import ProcessFacts
from tsdia_run.errors import TsdiaRunError
from tsdia_run.rundir import command_record, env, record_file
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.settings import resolve

_PR_SET_CHILD_SUBREAPER = 36
# A tsdia-run that is asked to stop needs this in addition to its grace period: SIGKILL, last output, hashes, record.
_INNER_END_S = 60.0
# An orphan that has ended is reaped after this time. Until then, the part of this process that started it may do so.
_REAP_S = 0.4
_LOCKS = tuple(f"/{path.relative_to('.')}" for path in (RunLayout(Path()).claim, RunLayout(Path()).alive))


@contextmanager
def adopting() -> Iterator[None]:
    """Become the parent of orphaned descendants, and mark the processes that tsdia-run itself starts."""
    import ctypes  # takes 2 ms

    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.environ[env.SUPERVISOR] = str(os.getpid())
    try:
        yield
    finally:
        del os.environ[env.SUPERVISOR]
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@dataclass(frozen=True)
class InnerRun:
    """A run that was started inside a training.

    Attributes:
        pid: Its supervisor; the topmost process of its training if the supervisor was killed.
        run_dir: Its directory.
    """

    pid: int
    run_dir: Path


class RunProcesses:
    """Finds and signals the processes of a run.

    A process that was found once counts until it ends, even if its parents have ended and it has no tag.

    Args:
        run_id: The run.
        layout: Its files.
    """

    def __init__(self, run_id: str, layout: RunLayout) -> None:
        self._run_id = run_id
        self._layout = layout
        self._lock = _identity(layout.alive)
        self._known: dict[int, int] = {}
        self._child: tuple[int, int] | None = None
        self._ended_at_s: dict[int, float] = {}
        self._told: set[int] = set()

    def start(self, child: int) -> None:
        """Count all descendants of this process that were started since its child ``child``."""
        found = processes.facts(child)
        self._child = (child, found.start_ticks) if found else None

    def include(self, pids: Iterable[int]) -> None:
        """Count more processes, and their descendants."""
        found = {pid: processes.facts(pid) for pid in pids}
        self._known |= {pid: one.start_ticks for pid, one in found.items() if one is not None}

    def living(self) -> set[int]:
        """Return all running processes."""
        return self._look()[0]

    def own(self) -> set[int]:
        """Return the running processes without the runs that were started inside the training."""
        found, known = self._look()
        return found - processes.with_descendants([one.pid for one in self._inner(found, known)], known)

    def topmost(self) -> set[int]:
        """Return those of ``own`` whose parents do not belong to the run."""
        found, known = self._look()
        return {pid for pid in self.own() if pid in known and known[pid].parent not in found}

    def _look(self) -> tuple[set[int], dict[int, ProcessFacts]]:
        known = processes.running()
        roots = set(processes.members(self._run_id, self._layout.root)) | set(self._adopted(known))
        roots |= {pid for pid, ticks in self._known.items() if pid in known and known[pid].start_ticks == ticks}
        found = processes.with_descendants(roots, known)
        self._known = {pid: known[pid].start_ticks for pid in found}
        return found, known

    def _adopted(self, known: dict[int, ProcessFacts]) -> list[int]:
        """Return the children of this process that belong to the training: the first one, and orphans."""
        if self._child is None:
            return []
        mark, (_, since) = f"{env.SUPERVISOR}={os.getpid()}".encode(), self._child
        children = [pid for pid, one in known.items() if one.parent == os.getpid() and one.start_ticks >= since]
        return [pid for pid in children if mark not in processes.environment(pid)]

    def _inner(self, found: set[int], known: dict[int, ProcessFacts]) -> list[InnerRun]:
        """Return the runs inside the training that are not inside another one of them."""
        places = {pid: place for pid in found if (place := self._other_run(pid)) is not None}
        return [InnerRun(pid, place) for pid, place in places.items() if places.keys().isdisjoint(_above(pid, known))]

    def _other_run(self, pid: int) -> Path | None:
        """Return the run directory of another run whose lock the process holds."""
        for link, name in processes.open_files(pid):
            if name.endswith(_LOCKS) and _identity(link) not in (None, self._lock):
                return Path(name).parents[1]
        return None

    def signal(self, pids: Iterable[int], number: int) -> None:
        """Send a signal to some of the processes."""
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def wake(self) -> None:
        """Continue the processes that are stopped (SIGSTOP, Ctrl-Z), so that they can handle the next signal."""
        self.signal(self.living(), signal.SIGCONT)

    def ask_inner(self, number: int) -> float:
        """Ask the runs inside the training to stop, each once: a second signal would shorten its grace period.

        Args:
            number: The signal.

        Returns:
            How long they may take, in seconds; 0 without such runs.
        """
        inner = self._inner(*self._look())
        # The direct child has the signal from the stop sequence.
        told = self._told if self._child is None else {*self._told, self._child[0]}
        self.signal([one.pid for one in inner if one.pid not in told], number)
        self._told |= {one.pid for one in inner}
        return max((recorded_grace_s(RunLayout(one.run_dir)) + _INNER_END_S for one in inner), default=0.0)

    def reap(self, now_s: float) -> None:
        """Reap adopted processes that have ended; call it often.

        Args:
            now_s: Monotonic time.
        """
        ended = [pid for pid in _children() if self._is_reapable(pid)]
        self._ended_at_s = {pid: self._ended_at_s.get(pid, now_s) for pid in ended}
        for pid, since_s in self._ended_at_s.items():
            if now_s - since_s >= _REAP_S:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def _is_reapable(self, pid: int) -> bool:
        found = processes.facts(pid)
        return (
            found is not None
            and found.has_ended
            and self._child is not None
            and pid != self._child[0]
            and found.start_ticks >= self._child[1]
        )


def _above(pid: int, known: dict[int, ProcessFacts]) -> Iterator[int]:
    while (pid := known[pid].parent) in known:
        yield pid


def _identity(path: Path | str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def recorded_grace_s(layout: RunLayout) -> float:
    """Return the grace period of a run's newest attempt; the default if it can't be read."""
    recorded = None
    with suppress(TsdiaRunError):
        recorded = command_record.read(layout.attempt(record_file.read(layout.record).last.number))
    found = recorded.stop_grace_s if recorded else None
    return resolve([]).stop_grace_s if found is None else found


def _children() -> list[int]:
    """Return the children of this process; none if the kernel has no list of them."""
    found: list[int] = []
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            found += map(int, (thread / "children").read_bytes().split())
    return found
