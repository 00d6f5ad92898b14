"""Our side of the output path: what the training writes into, and the relay that reads it.

We keep the read ends too, so that another relay can go on where one was killed; but we never read from them.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import termios
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsdia_run.settings import LogSettings
from tsdia_run.supervise.relay_copy import RelayCopy

# After the training ended, a process that it left behind may hold the output open for this long.
DRAIN_S = 5.0
_ANSWER_S = 5.0
_SUSPEND_S = 0.5
_OFLAG = 1
_RESTARTED = "the relay was killed and started again; the log has a mark there"


@dataclass(frozen=True)
class Event:
    """What a relay tells."""

    kind: str
    text: str = ""
    is_cut: bool = False


@dataclass(frozen=True)
class Ends:
    """What the training gets.

    Attributes:
        stdin: Its standard input; None for ours.
        stdout: Its standard output.
        stderr: Its standard error.
        is_terminal: Whether they are a terminal, which is to control the training's session.
    """

    stdin: int | None
    stdout: int
    stderr: int
    is_terminal: bool

    def close(self) -> None:
        """Once the training has inherited them: only it keeps them open."""
        for fd in {self.stdout, self.stderr}:
            os.close(fd)


class Output:
    """The output of one attempt.

    Args:
        log: Path of the log.
        progress: Path of the file with the latest progress.
        header: First line of the log.
        settings: How the log is kept.
        use_terminal: Whether the training may get a terminal of its own, if we have one.

    Raises:
        OSError: No pipe, terminal or process can be had.
    """

    def __init__(self, log: Path, progress: Path, header: str, settings: LogSettings, *, use_terminal: bool) -> None:
        self.copy = RelayCopy()
        is_terminal = use_terminal and os.isatty(1) and os.isatty(2)
        self.ends, self._sources = _open_terminal() if is_terminal else _open_pipes()
        self._spec: dict[str, Any] = {
            "log": str(log),
            "header": header,
            "mode": "pty" if is_terminal else "pipes",
            "stdout": self._sources[0],
            "stderr": None if is_terminal else self._sources[1],
            "console_out": 1,
            "console_err": None if is_terminal else 2,
            "terminal": _users_terminal() if self.ends.stdin is not None else None,
            "progress": str(progress),
            "settings": {
                "max_bytes": settings.max_size,
                "total_bytes": settings.total_size,
                "progress_s": settings.progress_interval_s,
                "timestamps": settings.timestamps,
            },
        }
        self._start()

    def _start(self) -> None:
        control_read, control = os.pipe()
        events, events_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        spec = {**self._spec, "control": control_read, "events": events_write}
        try:
            self._relay = subprocess.Popen(
                # -S and -E: it needs the standard library alone, and starts in half the time.
                [sys.executable, "-S", "-E", self.copy.path, "tsdia_run relay", json.dumps(spec)],
                pass_fds=(
                    *self._sources,
                    control_read,
                    events_write,
                    *self.copy.fds,
                ),
            )
        except OSError:
            os.close(control)
            os.close(events)
            raise
        finally:
            os.close(control_read)
            os.close(events_write)
        self._control, self.events, self._partial = control, events, b""

    def keep_alive(self) -> list[Event]:
        """Start another relay if the last one was killed.

        Returns:
            What the dead one had still told, and that it died; nothing if it lives.
        """
        if self._relay.poll() is None:
            return []
        found = self.read_events()
        old = (self._control, self.events)
        self._spec["restarted"] = True
        try:
            self._start()
        except OSError:
            return found  # no process or memory at this moment; tried again at the next call
        for fd in old:
            os.close(fd)
        return [*found, Event("warning", _RESTARTED)]

    def read_events(self) -> list[Event]:
        """What the relay has told since the last call."""
        try:
            data = os.read(self.events, 65536)
        except BlockingIOError:
            return []
        *lines, self._partial = (self._partial + data).split(b"\n")
        found = [json.loads(line) for line in lines]
        return [Event(one["event"], one.get("text", ""), one.get("is_cut", False)) for one in found]

    def bytes_read(self) -> int:
        """How much the relay has read until now: grows with each thing that the training writes."""
        try:
            counters = Path(f"/proc/{self._relay.pid}/io").read_bytes()
        except OSError:
            return -1
        return int(counters.split()[1])

    def suspend(self) -> list[Event]:
        """Give the terminal back to the shell; comes back when the relay has done so."""
        self._tell(suspend=True)
        return self._wait_for("suspended", _SUSPEND_S)

    def resume(self) -> None:
        """Take the terminal again."""
        self._tell(resume=True)

    def drain(self) -> list[Event]:
        """After the training ended: everything that it wrote is in the log, and on a console that takes it."""
        found = self.keep_alive()
        self._tell(drain=DRAIN_S)
        found += self._wait_for("drained", DRAIN_S + _ANSWER_S)
        if restarted := self.keep_alive():  # killed while it drained
            self._tell(drain=DRAIN_S)
            found += [*restarted, *self._wait_for("drained", DRAIN_S + _ANSWER_S)]
        return found

    def finish(self, footer: str) -> None:
        """Write the last line of the log, and end the relay."""
        if self.keep_alive():
            self._tell(drain=0.0)  # the one before had read everything
        self._tell(footer=footer)
        try:
            self._relay.wait(_ANSWER_S)
        except subprocess.TimeoutExpired:
            self._relay.kill()
            self._relay.wait()
        for fd in (*self._sources, self._control, self.events):
            os.close(fd)
        self.copy.close()

    def _tell(self, **order: object) -> None:
        with suppress(OSError):
            os.write(self._control, json.dumps(order).encode() + b"\n")

    def _wait_for(self, kind: str, limit_s: float) -> list[Event]:
        """Events until one of a kind, or until the relay is gone or silent for too long."""
        deadline_s, found = time.monotonic() + limit_s, list[Event]()
        while time.monotonic() < deadline_s:
            found += self.read_events()
            if any(event.kind == kind for event in found) or self._relay.poll() is not None:
                break
            time.sleep(0.005)
        return found


def _open_pipes() -> tuple[Ends, tuple[int, ...]]:
    (out_read, out_write), (err_read, err_write) = os.pipe(), os.pipe()
    return Ends(None, out_write, err_write, is_terminal=False), (out_read, err_read)


def _open_terminal() -> tuple[Ends, tuple[int, ...]]:
    master, slave = os.openpty()
    with suppress(OSError):
        # Before the training looks at it; later changes are the relay's.
        fcntl.ioctl(slave, termios.TIOCSWINSZ, fcntl.ioctl(1, termios.TIOCGWINSZ, bytes(8)))
    # The user's terminal turns newlines into returns; done here too, it would cost the kernel a call for each line.
    modes = termios.tcgetattr(slave)
    modes[_OFLAG] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    return Ends(slave if os.isatty(0) else None, slave, slave, is_terminal=True), (master,)


def _users_terminal() -> dict[str, object] | None:
    modes = termios.tcgetattr(0)
    controls = [one if isinstance(one, int) else one.decode("latin-1") for one in modes[6]]
    return {"fd": 0, "modes": [*modes[:6], controls]}
