"""Letting a run go on under no terminal: what people do with nohup."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from tsdia_run.claim.guard import Claim
from tsdia_run.cli.say import say
from tsdia_run.rundir.suggestions import Suggestions


def stay() -> None:
    """What there is to do at the start for a run that keeps its terminal."""


def leave_terminal(claim: Claim) -> Callable[[], None]:
    """Go on in a process of its own, without a terminal.

    The process that was called stays until the training has started, says where it is, and leaves; or with the exit
    code of the other one, which speaks to the user until then.

    Args:
        claim: The right to the run directory; it goes over to the new process.

    Returns:
        For the new process: to be called once the training runs.
    """
    started_read, started_write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()  # there is no other thread yet
    if pid:
        os.close(started_write)
        _see_off(pid, started_read, claim)
    os.close(started_read)
    os.setsid()
    claim.sign()
    nothing = os.open(os.devnull, os.O_RDWR)
    sys.stderr = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors="backslashreplace")
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    os.close(nothing)

    def started() -> None:
        os.write(started_write, b"+")
        os.close(started_write)
        sys.stderr.close()
        sys.stderr = sys.__stderr__

    return started


def _see_off(pid: int, started: int, claim: Claim) -> NoReturn:
    if os.read(started, 1):
        suggest = Suggestions(claim.layout)
        say(f"it runs on without this terminal, as process {pid}")
        say(f"follow it: {suggest.follow()}")
        say(f"stop it:   {suggest.stop()}")
        sys.exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    sys.exit(code if code >= 0 else 128 - code)
