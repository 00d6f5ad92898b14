"""What tsdia-run does with each signal: stop, suspend, pass it on, or nothing. docs/endings.md has the table."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable

from tsdia_run.outcome.classify import signal_name
from tsdia_run.supervise import process
from tsdia_run.supervise.job import Job
from tsdia_run.supervise.output import Output, RelayEvent
from tsdia_run.supervise.process import TrainingProcess
from tsdia_run.supervise.run_processes import RunProcesses
from tsdia_run.supervise.signals import Arrival
from tsdia_run.supervise.stopping import STOP_SIGNALS, Stopping
from tsdia_run.supervise.training_keys import TrainingKeys

# A closed terminal does not stop a training, nor does a terminal that belongs to another process group.
_IGNORED = frozenset({signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU})


class SignalRules:
    """Handles the signals to this process.

    Args:
        job: The attempt.
        processes: The processes of the run.
        stopping: Gets the stop requests.
        output: The output of the attempt, with its terminal.
        listen: Handles the events of the relay.
    """

    def __init__(
        self,
        job: Job,
        processes: RunProcesses,
        stopping: Stopping,
        output: Output,
        listen: Callable[[Iterable[RelayEvent]], None],
    ) -> None:
        self._job = job
        self._processes = processes
        self._stopping = stopping
        self._output = output
        self._keys = TrainingKeys(processes, output.terminal)
        self._listen = listen
        self._has_interrupted = False

    def handle(self) -> bool:
        """Handle the signals that have arrived.

        Returns:
            Whether one of them requests a stop.
        """
        arrivals = self._job.signals.read()
        for one in arrivals:
            self._handle(one)
        return any(one.number in STOP_SIGNALS for one in arrivals)

    def end(self, number: int | None) -> None:
        """Note that the training has ended.

        Args:
            number: The signal that ended the direct child; None if it exited.
        """
        if number == signal.SIGINT and self._has_interrupted:
            self._stopping.interrupted()
        self._stopping.end()

    def _handle(self, arrival: Arrival) -> None:
        number, child = arrival.number, self._stopping.child
        # Once a stop is requested, every key is a request to hurry.
        is_key = arrival.is_typed and self._stopping.stop is None
        if is_key and child is not None and self._keys.take(number, child.pid):
            self._has_interrupted |= number == signal.SIGINT
            return
        if number in STOP_SIGNALS:
            self._stopping.signalled(signal.Signals(number), time.monotonic())
        elif number == signal.SIGTSTP:
            self._suspend()
        elif number not in _IGNORED:
            self._pass_on(number, child)

    def _suspend(self) -> None:
        self._listen(self._output.suspend())
        self._processes.signal(self._processes.living(), signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._processes.wake()
        self._output.resume()

    def _pass_on(self, number: int, child: TrainingProcess | None) -> None:
        is_launcher = child is not None and self._job.is_delegated and process.is_still(child.pid, self._job.argv)
        if child is not None and not is_launcher:
            child.send(number)
        # torch's launcher would die of the signal and orphan its ranks.
        elif child is None or not process.signal_ranks(child.pid, number):
            text = f"{signal_name(number)} arrived while no rank was running, so it was not passed on"
            self._listen([RelayEvent("warning", text)])
