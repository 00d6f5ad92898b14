"""Letting a run go on in a process of its own, without a terminal: what people do with nohup."""

from __future__ import annotations

import os
from collections.abc import Callable

from tsdia_run.claim.guard import Claim
from tsdia_run.workflow.reporter import Reporter
from tsdia_run.workflow.results import Detached, NotDetached


def stay() -> None:
    """What there is to do at the start for a run that keeps its terminal."""


def leave_terminal(claim: Claim, reporter: Reporter) -> Detached | NotDetached | Callable[[], None]:
    """Fork: the new process goes on without a terminal, and the old one waits until the training has started.

    The new process tells the user what happens until then. The caller has flushed what it wrote.

    Args:
        claim: The right to the run directory; it goes over to the new process.
        reporter: Told in the new process that its streams close.

    Returns:
        In the old process what became of the new one; in the new process what it calls once the training runs.
    """
    started_read, started_write = os.pipe()
    pid = os.fork()  # there is no other thread yet
    if pid:
        os.close(started_write)
        return _wait(pid, started_read, claim)
    os.close(started_read)
    os.setsid()
    claim.sign()
    reporter.keep_own_stream()
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    os.close(nothing)

    def started() -> None:
        os.write(started_write, b"+")
        os.close(started_write)
        reporter.release()

    return started


def _wait(pid: int, started: int, claim: Claim) -> Detached | NotDetached:
    has_started = bool(os.read(started, 1))
    os.close(started)
    if has_started:
        return Detached(claim.layout.root, pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return NotDetached(code if code >= 0 else 128 - code)
