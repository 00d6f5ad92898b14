"""Stop requests of every kind, and the stop sequence that they start."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from tsdia_run.outcome import stop_request
from tsdia_run.outcome.classify import Stop
from tsdia_run.outcome.stop_request import StopRequest
from tsdia_run.rundir.layout import AttemptLayout
from tsdia_run.supervise.process import TrainingProcess, living_ranks
from tsdia_run.supervise.run_processes import RunProcesses
from tsdia_run.supervise.stop_sequence import StopSequence, StopStep, step_message
from tsdia_run.text import duration

# The signals that request a stop; SIGQUIT requests an immediate one.
STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGQUIT})
_KEYS = {signal.SIGINT: "Ctrl-C", signal.SIGQUIT: "Ctrl-\\"}


def _by_signal(number: signal.Signals) -> str:
    return f"stopped by {_KEYS[number]} ({number.name})" if number in _KEYS else f"stopped by {number.name}"


class Stopping:
    """Stops the training after a signal, a request file, a time limit or a call of ``ask``.

    Args:
        attempt: The files of the attempt, with the request file.
        processes: The processes of the run, which are killed in the last step.
        grace_s: The grace period after the first request.
        say: Tells the user about a step.
        is_inner: Whether this run was started inside another training. Then only the first signal counts: the outer run
            and the script that started this one may both pass a signal on, and the outer run sees to the end.

    Attributes:
        child: The direct child; None while there is none.
        killed_ranks: The ranks that were running at SIGKILL, which also ends the launcher, which would know them.
        was_late: Whether a signal requested a stop after the training had ended: it changes nothing about that ending.
    """

    def __init__(
        self,
        attempt: AttemptLayout,
        processes: RunProcesses,
        grace_s: float,
        say: Callable[[str], None],
        *,
        is_inner: bool,
    ) -> None:
        self._attempt = attempt
        self._processes = processes
        self._say = say
        self._is_inner = is_inner
        self._sequence = StopSequence(grace_s)
        self._seen: tuple[int, int] | None = None
        self._deadline_s: float | None = None
        self._limit_s = 0.0
        self.child: TrainingProcess | None = None
        self._has_ended = False
        self.killed_ranks: tuple[int, ...] = ()
        self.was_late = False

    @property
    def stop(self) -> Stop | None:
        """The first request; None if there was none."""
        return self._sequence.stop

    @property
    def is_killing(self) -> bool:
        """Whether the last step is reached."""
        return self._sequence.step is StopStep.KILL

    def interrupted(self) -> None:
        """Record Ctrl-C as the request: the script got it at its prompt, and died of it."""
        self._sequence = replace(self._sequence, stop=self.stop or Stop(signal.SIGINT, _by_signal(signal.SIGINT)))

    def end(self) -> None:
        """Note that the training has ended."""
        self.child, self._has_ended = None, True

    def limit(self, seconds: float | None, now_s: float) -> None:
        """Set the time limit; None for no limit."""
        if seconds is not None:
            self._limit_s, self._deadline_s = seconds, now_s + seconds

    def signalled(self, number: signal.Signals, now_s: float) -> None:
        """Handle a signal that requests a stop."""
        stop = Stop(number, _by_signal(number))
        if self._has_ended and self.stop is None:
            self.was_late = True
        elif number is signal.SIGQUIT:
            self._write_request(stop)
            self._advance(self._sequence.after_urgent_request(stop))
        elif self.stop is None or not self._is_inner:
            self.ask(stop, now_s)

    def ask(self, stop: Stop, now_s: float) -> None:
        """Request a stop, for the first time or more urgently."""
        if not stop.is_hang:
            self._write_request(stop)
        self._advance(self._sequence.after_request(stop, now_s))

    def look(self, now_s: float) -> None:
        """Check the request file and the deadlines; call it twice per second."""
        self._read_request(now_s)
        if self._deadline_s is not None and now_s >= self._deadline_s:
            self._deadline_s = None
            self.ask(Stop(signal.SIGTERM, f"stopped at its time limit of {duration(self._limit_s)}"), now_s)
        if self._sequence.is_due(now_s):
            self._ask_inner(signal.SIGTERM)  # those that were started after the request
        self._advance(self._sequence.at(now_s))

    def _read_request(self, now_s: float) -> None:
        try:
            found = self._attempt.stop.stat()
        except OSError:
            return
        seen = (found.st_ino, found.st_mtime_ns)
        if seen == self._seen:
            return
        self._seen = seen
        request = stop_request.read(self._attempt)
        if request is None:
            return
        if request.is_now:
            self._advance(self._sequence.after_urgent_request(request.stop))
        elif self.stop is None:
            self._advance(self._sequence.after_request(request.stop, now_s))

    def _write_request(self, stop: Stop) -> None:
        """Write the request file, for scripts that check it from any container."""
        with suppress(OSError):
            if not self._attempt.stop.exists():
                stop_request.write(self._attempt, StopRequest(stop))

    def _advance(self, sequence: StopSequence) -> None:
        if sequence == self._sequence:
            return
        before, self._sequence = self._sequence, sequence
        if self.child is None or sequence.stop is None:
            return
        self._processes.wake()  # a stopped process can't save
        if sequence.step in (StopStep.KILL_OWN, StopStep.KILL):
            self.killed_ranks = self.killed_ranks or tuple(sorted(living_ranks(self.child.pid)))
        if sequence.step is StopStep.KILL:
            self._processes.signal(self._processes.living(), signal.SIGKILL)
            self.child.send(signal.SIGKILL)
        elif sequence.step is StopStep.KILL_OWN:
            self._processes.signal(self._processes.own(), signal.SIGKILL)
        elif sequence.step is StopStep.PASS_ON:
            self.child.send(sequence.stop.signal)
            self._ask_inner(sequence.stop.signal)
        else:
            self.child.send(signal.SIGTERM)
        self._say(step_message(before, sequence, is_inner=self._is_inner))

    def _ask_inner(self, number: signal.Signals) -> None:
        self._sequence = replace(self._sequence, inner_s=self._processes.ask_inner(number))
