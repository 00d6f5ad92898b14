"""Copy the sources to console and log, until the sources end.

The relay outlives the supervisor. It ends when no process has the write ends open any more, or at a deadline after the
supervisor reported the end of the training. Nothing here may block except waiting for events; only the disk of the log
is expected to accept a write in time.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import sys
import termios
import time

from tsdia_run.relay.console_sink import ConsoleSink
from tsdia_run.relay.journal import Clock, Journal
from tsdia_run.relay.link import SupervisorLink
from tsdia_run.relay.log import Log
from tsdia_run.relay.terminal import Terminal, copy_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from tsdia_run.relay.spec import Spec

_IGNORED = ("INT", "TERM", "HUP", "QUIT", "PIPE", "TSTP", "TTIN", "TTOU", "USR1", "USR2", "XFSZ")
# Linux only, and missing in some builds of Python's fcntl.
F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", 1031)
_PIPE_BYTES = 1024 * 1024
_READ_BYTES = 256 * 1024
_TERMINAL_READ_BYTES = 64 * 1024
# After a full read of a terminal, the kernel refills it on another CPU. Polling for that costs less than sleeping and
# waking up for each 4 KiB: 100 MB took 0.8 s instead of 1.6 s.
_FLOOD_BYTES = 2 * 1024
_REFILL_S = 50e-6
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
_RESTARTED = "[tsdia-run: the relay was killed here and restarted; output that it had read but not written is lost]"


class Pump:
    """The event loop of a relay."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._wake = _take_signals()
        self._supervisor = SupervisorLink(spec.control, spec.events)
        clock = Clock(is_shown=spec.has_timestamps)
        self._log = Log(
            spec.log,
            max_bytes=spec.max_bytes,
            total_bytes=spec.total_bytes,
            warn=lambda text: self._supervisor.tell("warning", text=text),
            stamp=clock.now,
        )
        self._journal = Journal(
            self._log, len(spec.sources), interval_s=spec.interval_s, progress_path=spec.progress, clock=clock
        )
        self._consoles = [ConsoleSink(fd) for fd in spec.consoles]
        self._terminal = Terminal(spec.terminal, spec.sources[0]) if spec.terminal else None
        self._is_suspended = False
        self._open = dict(enumerate(spec.sources))
        self._registered: list[tuple[int, int]] = []
        self._poll = select.poll()
        self._ticked_s = self._turned_s = 0.0
        self._moved_bytes = 0
        self._deadline_s: float | None = None
        self._drain_s = 0.0
        self._footer: str | None = None
        for source in spec.sources:
            _prepare(source)

    def run(self) -> None:
        """Copy until the sources end."""
        if self._spec.is_restarted:
            self._log.line(_RESTARTED)
        elif self._spec.header is not None:
            self._log.line(self._spec.header)
        if self._terminal is not None:
            self._terminal.take()
        while self._open and not self._is_late():
            self._turn()
        self._end_sources()
        while self._footer is None and self._supervisor.is_alive:
            self._turn()
        self._log.line(_GONE if self._footer is None else self._footer)
        self._log.close()

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
            os.read(self._wake, _READ_BYTES)
            if self._spec.is_terminal and self._spec.consoles[0] is not None:  # without its keys
                copy_size(self._spec.consoles[0], self._spec.sources[0])
        if self._supervisor.control in ready:
            self._obey()
        if self._terminal is not None:
            self._see_to_terminal(self._terminal, ready)
        for stream, source in [*self._open.items()]:
            if ready.get(source, 0) & ~select.POLLOUT:  # a terminal that takes keys may have no output
                self._read(stream, source)
        for console in self._consoles:
            if console.waiting_fd in ready:
                console.flush(is_flooded=self._moved_bytes >= _SMALL_BYTES)
        self._tick()
        self._pause()

    def _pause(self) -> None:
        """Collect many small writes for a millisecond: a tenth of the work."""
        moved, self._moved_bytes = self._moved_bytes, 0
        if 0 < moved < _SMALL_BYTES and time.monotonic() - self._turned_s < 2 * _PAUSE_S:
            time.sleep(_PAUSE_S)
        self._turned_s = time.monotonic()

    def _wanted(self) -> list[tuple[int, int]]:
        wanted = [(source, select.POLLIN) for source in self._open.values()]
        wanted.append((self._wake, select.POLLIN))
        if self._supervisor.is_alive:
            wanted.append((self._supervisor.control, select.POLLIN))
        wanted += [(console.waiting_fd, select.POLLOUT) for console in self._consoles if console.waiting_fd is not None]
        terminal = self._terminal
        if terminal is not None and terminal.reading_fd is not None:
            wanted.append((terminal.reading_fd, select.POLLIN))
        if terminal is not None and terminal.has_keys and self._open:
            wanted[0] = (self._open[0], select.POLLIN | select.POLLOUT)
        return wanted

    def _wait_ms(self) -> float | None:
        waits = []
        if self._deadline_s is not None and self._open:
            waits.append(max(0.0, self._deadline_s - time.monotonic()))
        if not (self._journal.is_quiet and self._log.is_quiet):
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
        self._journal.tick(now)
        self._log.tick()
        if self._terminal is not None and not self._is_suspended:
            self._terminal.take()

    def _read(self, stream: int, source: int) -> None:
        data = self._read_terminal(source) if self._spec.is_terminal else os.read(source, _READ_BYTES)
        if self._terminal is not None:
            self._terminal.follow()  # before the user sees the prompt at which keys are typed
        if data:
            self._moved_bytes += len(data)
            self._journal.feed(stream, data, time.monotonic())
            self._consoles[stream].write(data)
        else:
            del self._open[stream]

    def _read_terminal(self, master: int) -> bytes:
        """Read a terminal, which returns 4 KiB at a time; return nothing at its end."""
        parts: list[bytes] = []
        size = 0
        while size < _READ_BYTES:
            try:
                part = os.read(master, _TERMINAL_READ_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno == errno.EIO:  # no process has the other side open any more
                    break
                raise
            parts.append(part)
            size += len(part)
            if len(part) >= _FLOOD_BYTES:
                late_s = time.monotonic() + _REFILL_S
                while _waiting_bytes(master) < _FLOOD_BYTES and time.monotonic() < late_s:
                    pass
        return b"".join(parts)

    def _obey(self) -> None:
        for order in self._supervisor.orders():
            if "drain" in order:
                self._drain_s = order["drain"]
                self._deadline_s = time.monotonic() + self._drain_s
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
        self._journal.finish(time.monotonic())
        is_cut = bool(self._open)
        if is_cut:
            self._log.line(_CUT.format(seconds=self._drain_s))
        self._open.clear()
        deadline_s = time.monotonic() + _CONSOLES_LIMIT_S
        for console in self._consoles:
            _end_console(console, deadline_s)
        if self._terminal is not None:
            self._terminal.give_back()
            self._terminal = None
        self._supervisor.tell("drained", is_cut=is_cut)


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


def _waiting_bytes(terminal: int) -> int:
    """Return how many bytes can be read at once."""
    count = bytearray(4)
    try:
        fcntl.ioctl(terminal, termios.FIONREAD, count)
    except OSError:  # the read reports the error
        return _FLOOD_BYTES
    return int.from_bytes(count, sys.byteorder)


def _prepare(source: int) -> None:
    os.set_blocking(source, False)
    try:
        fcntl.fcntl(source, F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        return  # a terminal, or the user's limit for pipe buffers is reached


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
