"""Run in the background without a terminal, as with nohup."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tsdia_run.claim.guard import Claim
from tsdia_run.workflow.reporter import Reporter
from tsdia_run.workflow.results import Detached, NotDetached

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)


def stay() -> None:
    """Do nothing once the training has started: the run keeps its terminal."""


def leave_terminal(claim: Claim, reporter: Reporter) -> Detached | NotDetached | Callable[[], None]:
    """Fork: the child process continues without a terminal, and the parent waits until the training has started.

    The child reports to the user until then. The caller has flushed its output.

    Args:
        claim: The claim on the run directory; the child becomes its owner.
        reporter: Prepared in the child for the closing of its streams.

    Returns:
        In the parent, the result of the child; in the child, a function to call once the training runs.
    """
    pipe = os.pipe()
    pid = os.fork()  # no other thread exists yet
    return _wait(pid, pipe, claim) if pid else _continue(pipe, claim, reporter)


def _continue(pipe: tuple[int, int], claim: Claim, reporter: Reporter) -> Callable[[], None]:
    """Leave the terminal; return the function that ends the parent's waiting."""
    started_read, started_write = pipe
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


def _wait(pid: int, pipe: tuple[int, int], claim: Claim) -> Detached | NotDetached:
    """Wait until the child has started the training, or has ended."""
    started_read, started_write = pipe
    os.close(started_write)
    with _passing_on(pid):
        has_started = bool(os.read(started_read, 1))
    os.close(started_read)
    if has_started:
        return Detached(claim.layout.root, pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return NotDetached(code if code >= 0 else 128 - code)


@contextmanager
def _passing_on(pid: int) -> Iterator[None]:
    """Pass stop requests on to a process: until the training has started, they are about the start."""

    def pass_on(number: int, _: FrameType | None) -> None:
        os.kill(pid, number)

    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
