"""Copy the sources to console and log, until the sources end.

The relay outlives the supervisor. It ends when no process has the write ends open any more, or at a deadline after the
supervisor reported the end of the training. Nothing here may block except waiting for events; only the disk of the log
is expected to accept a write in time.
"""

from __future__ import annotations

import os
import select
import signal
import time

from tsdia_run.relay.journal import END, FINISH
from tsdia_run.relay.link import SupervisorLink
from tsdia_run.relay.sources import PipeSource, TerminalSource
from tsdia_run.relay.steps import Steps
from tsdia_run.relay.terminal import Terminal, copy_size, size_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from tsdia_run.relay.console_sink import ConsoleSink
    from tsdia_run.relay.spec import Spec

_IGNORED = ("INT", "TERM", "HUP", "QUIT", "PIPE", "TSTP", "TTIN", "TTOU", "USR1", "USR2", "XFSZ")
_WAKE_BYTES = 4096
_SMALL_BYTES = 2 * 1024
_PAUSE_S = 0.001
_TICK_S = 0.25
_SLOW_TICK_S = 1.0
# At the end, a console that takes nothing for this long is given up.
_CONSOLE_GRACE_S = 1.0
# A slow console is given up after this long: the supervisor waits for the relay, and the footer for the supervisor.
_CONSOLES_LIMIT_S = 3.0
_GONE = "[tsdia-run: end of output; the supervisor had died before]"
_CUT = (
    "[tsdia-run: the training ended {seconds:g} s ago, but another process keeps its output open;"
    " later output is not logged]"
)


class Pump:
    """The event loop of a relay."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._wake = _take_signals()
        self._supervisor = SupervisorLink(spec.control, spec.events)
        self._steps = Steps(spec, lambda text: self._supervisor.tell("warning", text=text))
        self._terminal = Terminal(spec.terminal, spec.sources[0]) if spec.terminal else None
        self._is_suspended = False
        self._open = {stream: self._source(fd, stream) for stream, fd in enumerate(spec.sources)}
        self._registered: list[tuple[int, int]] = []
        self._poll = select.poll()
        self._ticked_s = self._turned_s = 0.0
        self._moved_bytes = 0
        self._deadline_s: float | None = None
        self._drain_s = 0.0
        self._footer: str | None = None

    def _source(self, fd: int, stream: int) -> PipeSource | TerminalSource:
        if self._spec.is_terminal:
            return TerminalSource(fd, stream, self._spec.terminal_pipe or os.pipe())
        return PipeSource(fd, stream)

    def run(self) -> None:
        """Copy until the sources end."""
        self._steps.begin()
        if self._steps.state.is_finished:  # a killed relay had read everything
            self._open.clear()
        if self._terminal is not None:
            self._terminal.take()
        if self._spec.is_terminal and self._open:
            self._steps.resize(*size_of(self._spec.sources[0]))
        for stream, source in [*self._open.items()]:  # a killed relay may have left output between terminal and journal
            self._read(stream, source)
        while self._open and not self._is_late():
            self._turn()
        self._end_sources()
        while self._footer is None and self._supervisor.is_alive:
            self._turn()
        if not self._steps.state.is_ended:
            self._steps.say(END, _GONE if self._footer is None else self._footer)
        self._steps.close()

    def _turn(self) -> None:
        """Wait for events and handle them."""
        wanted = self._wanted()
        if wanted != self._registered:
            self._registered = wanted
            self._poll = select.poll()
            for fd, events in wanted:
                self._poll.register(fd, events)
        ready = dict(self._poll.poll(self._wait_ms()))
        if self._wake in ready:
            os.read(self._wake, _WAKE_BYTES)
            if self._spec.is_terminal and self._spec.consoles[0] is not None:  # without its keys
                copy_size(self._spec.consoles[0], self._spec.sources[0])
                self._steps.resize(*size_of(self._spec.sources[0]))
        if self._supervisor.control in ready:
            self._obey()
        if self._terminal is not None:
            self._see_to_terminal(self._terminal, ready)
        for stream, source in [*self._open.items()]:
            if ready.get(source.fd, 0) & ~select.POLLOUT:  # a terminal that takes keys may have no output
                self._read(stream, source)
        for console in self._steps.consoles:
            if console.waiting_fd in ready:
                console.flush(is_flooded=self._moved_bytes >= _SMALL_BYTES)
        self._tick()
        self._steps.save_if_due()
        self._pause()

    def _pause(self) -> None:
        """Collect many small writes for a millisecond: a tenth of the work."""
        moved, self._moved_bytes = self._moved_bytes, 0
        if 0 < moved < _SMALL_BYTES and time.monotonic() - self._turned_s < 2 * _PAUSE_S:
            time.sleep(_PAUSE_S)
        self._turned_s = time.monotonic()

    def _wanted(self) -> list[tuple[int, int]]:
        wanted = [(source.fd, select.POLLIN) for source in self._open.values()]
        wanted.append((self._wake, select.POLLIN))
        if self._supervisor.is_alive:
            wanted.append((self._supervisor.control, select.POLLIN))
        wanted += [
            (console.waiting_fd, select.POLLOUT) for console in self._steps.consoles if console.waiting_fd is not None
        ]
        terminal = self._terminal
        if terminal is not None and terminal.reading_fd is not None:
            wanted.append((terminal.reading_fd, select.POLLIN))
        if terminal is not None and terminal.has_keys and self._open:
            wanted[0] = (self._open[0].fd, select.POLLIN | select.POLLOUT)
        return wanted

    def _wait_ms(self) -> float | None:
        waits = []
        if self._deadline_s is not None and self._open:
            waits.append(max(0.0, self._deadline_s - time.monotonic()))
        if not self._steps.is_quiet:
            waits.append(_TICK_S)
        if self._terminal is not None:
            # No signal reports that the shell brings the group to the foreground, or that the training changes modes.
            waits.append(_SLOW_TICK_S if self._terminal.is_away else _TICK_S)
        return min(waits) * 1000 if waits else None

    def _tick(self) -> None:
        now = time.monotonic()
        if now - self._ticked_s < _TICK_S:
            return
        self._ticked_s = now
        self._steps.tick(now)
        if self._terminal is not None and not self._is_suspended:
            self._terminal.take()

    def _read(self, stream: int, source: PipeSource | TerminalSource) -> None:
        if self._terminal is not None:
            self._terminal.follow()  # before the user sees the prompt at which keys are typed
        size = self._steps.read(source)
        if size is None:
            del self._open[stream]
        else:
            self._moved_bytes += size

    def _obey(self) -> None:
        for order in self._supervisor.orders():
            if "drain" in order:
                self._drain_s = order["drain"]
                self._deadline_s = time.monotonic() + self._drain_s
            if "line" in order:
                self._steps.begin_line()
                self._supervisor.tell("line")
            if "footer" in order:
                self._footer = order["footer"]
            if "suspend" in order or "resume" in order:
                self._is_suspended = "suspend" in order
                self._hand_over_terminal()
        if not self._supervisor.is_alive and self._terminal is not None:
            self._terminal.give_back()
            self._terminal = None

    def _hand_over_terminal(self) -> None:
        if self._terminal is not None:
            if self._is_suspended:
                self._terminal.give_back()
            else:
                self._terminal.take()
        if self._is_suspended:
            self._supervisor.tell("suspended")

    def _see_to_terminal(self, terminal: Terminal, ready: dict[int, int]) -> None:
        if terminal.has_keys:
            terminal.pass_keys()
        elif terminal.reading_fd in ready:
            terminal.read_keys()

    def _is_late(self) -> bool:
        return self._deadline_s is not None and time.monotonic() >= self._deadline_s

    def _end_sources(self) -> None:
        """Write everything that was read to the log, and to the consoles that take it."""
        self._steps.show_last_progress()
        if not self._steps.state.is_finished:
            self._steps.say(FINISH, _CUT.format(seconds=self._drain_s) if self._open else "")
        self._open.clear()
        deadline_s = time.monotonic() + _CONSOLES_LIMIT_S
        for console in self._steps.consoles:
            _end_console(console, deadline_s)
        if self._terminal is not None:
            self._terminal.give_back()
            self._terminal = None
        self._supervisor.tell("drained", is_cut=self._steps.state.is_cut)


def _end_console(console: ConsoleSink, deadline_s: float) -> None:
    """Write the backlog until the console takes no more or the deadline passes."""
    console.finish()
    while console.waiting_fd is not None and _takes_some(console.waiting_fd):
        if time.monotonic() >= deadline_s:
            console.skip_backlog()
            console.finish()
            return
        console.flush()


def _takes_some(fd: int) -> bool:
    """Whether a console takes something within its grace period."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(_CONSOLE_GRACE_S * 1000))


def _take_signals() -> int:
    """Ignore the signals that would end the relay.

    Returns:
        A descriptor that becomes readable when the size of the terminal changes.
    """
    for name in _IGNORED:
        signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_IGN)
    wake, waker = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGWINCH, _do_nothing)
    return wake


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the wake-up descriptor reports the signal."""
