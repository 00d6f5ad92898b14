"""Everything that asks a training to end before it is done, and what is done about it."""

from __future__ import annotations

import signal
from contextlib import suppress

from tsdia_run.outcome import stop_request
from tsdia_run.outcome.classify import Stop
from tsdia_run.outcome.stop_request import StopRequest
from tsdia_run.rundir.layout import AttemptLayout
from tsdia_run.supervise.ladder import Ladder, Rung
from tsdia_run.supervise.process import TrainingProcess, signal_members
from tsdia_run.text import duration


class Stopping:
    """Asks the training to end: by signals to us, by the request file, by the clock, by what else calls ``ask``.

    Args:
        attempt: Where the request file is.
        run_id: Whose processes are killed at last.
        grace_s: How long the script may take after the first request.
    """

    def __init__(self, attempt: AttemptLayout, run_id: str, grace_s: float) -> None:
        self._file = attempt.stop
        self._run_id = run_id
        self._ladder = Ladder(grace_s)
        self._seen: tuple[int, int] | None = None
        self._deadline_s: float | None = None
        self._limit_s = 0.0
        self.child: TrainingProcess | None = None

    @property
    def stop(self) -> Stop | None:
        """The first request; None while there was none."""
        return self._ladder.stop

    @property
    def is_killing(self) -> bool:
        """Whether the last rung is reached."""
        return self._ladder.rung is Rung.KILL

    def limit(self, seconds: float | None, now_s: float) -> None:
        """Let the clock ask, once so much time has passed; None for never."""
        if seconds is not None:
            self._limit_s, self._deadline_s = seconds, now_s + seconds

    def signalled(self, number: signal.Signals, now_s: float) -> None:
        """After a signal to us that asks to stop."""
        self.ask(Stop(number, f"asked to stop by {number.name}"), now_s)

    def ask(self, stop: Stop, now_s: float) -> None:
        """Ask for the first time, or more urgently than before."""
        if not stop.is_hang:
            self._leave_word(stop)
        self._climb(self._ladder.asked(stop, now_s))

    def look(self, now_s: float) -> None:
        """Do what is due; to be called twice a second."""
        self._read_request(now_s)
        if self._deadline_s is not None and now_s >= self._deadline_s:
            self._deadline_s = None
            self.ask(Stop(signal.SIGTERM, f"its time limit of {duration(self._limit_s)} was over"), now_s)
        self._climb(self._ladder.waited(now_s))

    def _read_request(self, now_s: float) -> None:
        try:
            found = self._file.stat()
        except OSError:
            return
        seen = (found.st_ino, found.st_mtime_ns)
        if seen == self._seen:
            return
        self._seen = seen
        request = stop_request.read(self._file)
        if request is None:
            return
        if request.is_now:
            self._climb(self._ladder.hurried(request.stop))
        elif self.stop is None:
            self._climb(self._ladder.asked(request.stop, now_s))

    def _leave_word(self, stop: Stop) -> None:
        """For scripts that ask whether they should stop, in whatever container they are."""
        with suppress(OSError):
            if not self._file.exists():
                stop_request.write(self._file, StopRequest(stop))

    def _climb(self, ladder: Ladder) -> None:
        if ladder == self._ladder:
            return
        self._ladder = ladder
        if self.child is None or ladder.stop is None:
            return
        if ladder.rung is Rung.KILL:
            signal_members(self._run_id, signal.SIGKILL)
            self.child.send(signal.SIGKILL)
        else:
            self.child.send(ladder.stop.signal if ladder.rung is Rung.PASS_ON else signal.SIGTERM)
