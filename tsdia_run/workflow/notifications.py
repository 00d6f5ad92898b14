"""Notify the user of the events of a run, in the background: no notification changes or long delays an ending."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tsdia_run.files.atomic import write_all
from tsdia_run.files.opening import open_to_append
from tsdia_run.files.redaction import Redactor
from tsdia_run.notify import user_command
from tsdia_run.notify.facts import Event, EventFacts, describe
from tsdia_run.rundir import env
from tsdia_run.rundir.record import Run, State
from tsdia_run.settings import NotifySettings
from tsdia_run.supervise.signals import SignalQueue
from tsdia_run.supervise.stopping import STOP_SIGNALS
from tsdia_run.text import visible
from tsdia_run.workflow.reporter import Reporter

# How long a notification may take, and how long the exit waits for notifications.
LIMIT_S = 10.0
_LOOK_S = 0.1
_EVENTS = {State.COMPLETED: Event.COMPLETED, State.FAILED: Event.FAILED, State.STOPPED: Event.STOPPED}


class Notifications:
    """Sends the notifications of a start, and reports those that failed.

    Args:
        settings: Where they go, and about which events.
        run_dir: The run directory.
        cwd: The working directory of the command.
        environ: The environment of the command.
        reporter: Receives the warnings.
    """

    def __init__(
        self, settings: NotifySettings, run_dir: Path, cwd: Path, environ: Mapping[str, str], reporter: Reporter
    ) -> None:
        self._settings = settings
        self._run_dir = run_dir
        self._cwd = cwd
        self._environ = environ
        self._reporter = reporter
        self._sent: dict[threading.Thread, str] = {}
        self._problems: list[str] = []
        self._is_over = threading.Event()

    def tell_end(self, run: Run) -> None:
        """Notify of the ending of the newest attempt."""
        event = _EVENTS.get(run.state)
        if event is not None:
            self._tell(event, run)

    def tell_hang(self, run: Run, reason: str) -> None:
        """Notify of a hang, when it is found."""
        self._tell(Event.HUNG, run, reason)

    def tell_restart(self, run: Run) -> None:
        """Notify of a restart after the newest attempt."""
        self._tell(Event.RESTARTED, run)

    def report(self, run: Run, signals: SignalQueue | None = None) -> None:
        """Report the notifications that failed, on the screen and in the log of the newest attempt.

        Args:
            run: The record.
            signals: Given at the end: wait for all notifications, until ``LIMIT_S`` or a signal.
        """
        if signals is not None:
            self._wait(signals)
        problems, self._problems = self._problems, []
        self._reporter.warn(*problems)
        if problems:
            with suppress(OSError):  # the log was removed, or its disk is full
                _append(self._run_dir / run.last.log, problems)

    def _tell(self, event: Event, run: Run, hung: str = "") -> None:
        """Start to notify of an event, unless the settings leave it out."""
        url, argv = self._settings.webhook, self._settings.command
        if event.value not in self._settings.on or not (url or argv):
            return
        try:
            self._send(url, argv, event, run, hung)
        except Exception as error:  # the package was removed, no thread can start: the run is not affected
            self._problems.append(f"a notification failed: {type(error).__name__}")

    def _send(self, url: str | None, argv: Sequence[str], event: Event, run: Run, hung: str) -> None:
        redactor = Redactor.from_environment(self._environ, self._settings.secrets)
        facts = describe(event, run, str(self._run_dir), redactor, hung)
        if url is not None:
            from tsdia_run.notify import webhook  # urllib takes 50 ms to load

            self._start(f"to {webhook.host_of(url)}", lambda: webhook.post(url, facts, LIMIT_S))
        if argv:
            self._start(f"by {visible(os.path.basename(argv[0]))}", lambda: self._run(argv, facts))

    def _start(self, way: str, send: Callable[[], str | None]) -> None:
        def work() -> None:
            try:
                problem = send()
            except Exception as error:  # its traceback may have the URL
                problem = type(error).__name__
            if problem is not None:
                self._problems.append(f"the notification {way} failed: {problem}")

        thread = threading.Thread(target=work, name="notification", daemon=True)
        self._sent[thread] = way
        thread.start()

    def _run(self, argv: Sequence[str], facts: EventFacts) -> str | None:
        try:
            own = {**facts.variables(), env.SUPERVISOR: str(os.getpid())}  # not a process of the training
            started = user_command.start(argv, {**self._environ, **own}, self._cwd)
        except OSError as error:
            return visible(error.strerror or str(error))
        try:
            return started.wait(LIMIT_S, self._is_over)
        finally:
            started.close()

    def _wait(self, signals: SignalQueue) -> None:
        deadline_s = time.monotonic() + LIMIT_S
        signals.read()  # those that arrived before the ending was shown
        is_hurried = False
        while self._left() and not is_hurried and time.monotonic() < deadline_s:
            select.select([signals.fd], [], [], _LOOK_S)
            is_hurried = any(one.number in STOP_SIGNALS for one in signals.read())
        self._is_over.set()
        why = "it was interrupted" if is_hurried else f"no answer within {LIMIT_S:g} s"
        for thread in self._left():
            thread.join(_LOOK_S)  # a command is killed now
        self._problems += [f"the notification {self._sent[thread]} failed: {why}" for thread in self._left()]

    def _left(self) -> list[threading.Thread]:
        return [thread for thread in self._sent if thread.is_alive()]


def _append(log: Path, problems: Sequence[str]) -> None:
    fd = open_to_append(log)
    try:
        write_all(fd, "".join(f"[tsdia-run: warning: {problem}]\n" for problem in problems).encode())
    finally:
        os.close(fd)
