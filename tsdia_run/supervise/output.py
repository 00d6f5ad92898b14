"""The supervisor's side of the output path: the pipes or terminal of the training, and the relay that reads them.

The supervisor keeps the read ends and the journal open too, so that a new relay can continue where one was killed. It
never reads them.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsdia_run.outcome.journal_files import JournalFiles
from tsdia_run.settings import LogSettings
from tsdia_run.supervise.relay_copy import RelayCopy

# After the training ended, a leftover process may keep the output open for this long.
DRAIN_S = 5.0
_ANSWER_S = 5.0
_SUSPEND_S = 0.5
_LINE_S = 0.3
_RETRY_S = 0.01
_OFLAG, _CC = 1, 6
_NEWEST_BYTES = 64 * 1024
_RESTARTED = "the relay was killed and restarted; it continued from its journal"


@dataclass(frozen=True)
class RelayEvent:
    """An event from the relay."""

    kind: str
    text: str = ""
    is_cut: bool = False


@dataclass(frozen=True)
class Streams:
    """The standard streams of the training.

    Attributes:
        stdin: Its standard input; None to inherit the supervisor's.
        stdout: Its standard output.
        stderr: Its standard error.
        is_terminal: Whether they are a pseudo-terminal, which becomes the training's controlling terminal.
    """

    stdin: int | None
    stdout: int
    stderr: int
    is_terminal: bool

    def close(self) -> None:
        """Close them once the training has inherited them."""
        for fd in {self.stdout, self.stderr}:
            os.close(fd)


class Output:
    """The output of one attempt.

    Args:
        log: Path of the log.
        progress: Path of the file with the latest progress.
        header: First line of the log.
        settings: The settings of the log.
        files: The files for the journal; used if the settings ask for files.
        use_terminal: Whether the training gets a pseudo-terminal if the supervisor has a terminal.

    Raises:
        OSError: A pipe, terminal or process can't be created.
    """

    def __init__(
        self,
        log: Path,
        progress: Path,
        header: str,
        settings: LogSettings,
        files: JournalFiles,
        *,
        use_terminal: bool,
    ) -> None:
        self.copy = RelayCopy()
        is_terminal = use_terminal and os.isatty(1) and os.isatty(2)
        self.ends, self._sources = _open_terminal() if is_terminal else _open_pipes()
        relay_settings = {
            "max_bytes": settings.max_size,
            "total_bytes": settings.total_size,
            "progress_s": settings.progress_interval_s,
            "timestamps": settings.timestamps,
        }
        self._files = files if settings.journal == "file" else None
        self._early: list[RelayEvent] = []
        self._is_ended = False
        journal = self._open_journal(relay_settings)
        terminal_pipe = os.pipe() if is_terminal else ()
        console_pipes = [os.pipe() for _ in self._sources]
        self._spec: dict[str, Any] = {
            "log": str(log),
            "header": header,
            "mode": "pty" if is_terminal else "pipes",
            "stdout": self._sources[0],
            "stderr": None if is_terminal else self._sources[1],
            "console_out": 1,
            "console_err": None if is_terminal else 2,
            "journal": journal,
            "terminal_pipe": terminal_pipe or None,
            "console_pipes": console_pipes,
            "terminal": _users_terminal() if self.ends.stdin is not None else None,
            "progress": str(progress),
            "settings": relay_settings,
        }
        # What a new relay needs.
        self._held = (*self._sources, *journal, *terminal_pipe, *(fd for pipe in console_pipes for fd in pipe))
        self._start()

    @property
    def terminal(self) -> int | None:
        """The master side of the training's terminal; None without one."""
        return self._sources[0] if self.ends.is_terminal else None

    def _open_journal(self, settings: Mapping[str, object]) -> tuple[int, int]:
        if self._files is not None:
            try:
                return self._files.create(settings)
            except OSError as error:
                text = (
                    f"can't create the journal of the output: {error.strerror} ({self._files.folder}); it is in memory"
                )
                self._early.append(RelayEvent("warning", text))
        return os.memfd_create("tsdia-run-output"), os.memfd_create("tsdia-run-journal")

    def _start(self) -> None:
        control_read, control = os.pipe()
        events, events_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        spec = {**self._spec, "control": control_read, "events": events_write}
        utf8 = f"utf8={sys.flags.utf8_mode}"
        try:
            self._relay = subprocess.Popen(
                # -S and -E: the relay only needs the standard library, and starts in half the time. Without PYTHONUTF8,
                # which -E ignores, it could read the paths in another encoding.
                [sys.executable, "-S", "-E", "-X", utf8, self.copy.path, "tsdia_run relay", json.dumps(spec)],
                pass_fds=(*self._held, control_read, events_write, *self.copy.fds),
            )
        except OSError:
            os.close(control)
            os.close(events)
            raise
        finally:
            os.close(control_read)
            os.close(events_write)
        self._control, self.events, self._partial = control, events, b""
        self._is_drained = False

    def keep_alive(self) -> list[RelayEvent]:
        """Start another relay if the last one was killed.

        Returns:
            The last events of the dead relay, and a warning; empty if the relay is running.
        """
        if self._relay.poll() is None:
            return []
        found = self.read_events()
        old = (self._control, self.events)
        try:
            self._start()
        except OSError:
            return found  # no process or memory available; the next call tries again
        for fd in old:
            os.close(fd)
        return [*found, RelayEvent("warning", _RESTARTED)]

    def read_events(self) -> list[RelayEvent]:
        """Return the relay's events since the last call."""
        early, self._early = self._early, []
        try:
            data = os.read(self.events, 65536)
        except BlockingIOError:
            return early
        *lines, self._partial = (self._partial + data).split(b"\n")
        found = [json.loads(line) for line in lines]
        # The training may close its output before it ends; the relay then reports this before it is asked.
        self._is_drained |= any(one["event"] == "drained" for one in found)
        return early + [RelayEvent(one["event"], one.get("text", ""), one.get("is_cut", False)) for one in found]

    def bytes_read(self) -> int:
        """Return how much the relay has read so far; grows with all output of the training."""
        try:
            counters = Path(f"/proc/{self._relay.pid}/io").read_bytes()
        except OSError:
            return -1
        return int(counters.split()[1])

    def newest(self) -> bytes:
        """Return the newest output that the journal holds, also if the log can't be written."""
        data = self._spec["journal"][0]
        end = os.lseek(data, 0, os.SEEK_CUR)
        start = max(0, end - _NEWEST_BYTES)
        return os.pread(data, end - start, start)

    def suspend(self) -> list[RelayEvent]:
        """Give the terminal back to the shell; return when the relay has done so."""
        self._tell(suspend=True)
        return self._wait_for("suspended", _SUSPEND_S)

    def resume(self) -> None:
        """Take the terminal again."""
        self._tell(resume=True)

    def begin_line(self) -> list[RelayEvent]:
        """Move the user's console to a new line, for a message; return when the relay has done so."""
        if self._is_ended:
            return []
        self._tell(line=True)
        return self._wait_for("line", _LINE_S)

    def drain(self) -> list[RelayEvent]:
        """Wait until all output is in the log, and on the console if it takes it; call it after the training ended."""
        found = self.keep_alive()
        limit_s = time.monotonic() + DRAIN_S + _ANSWER_S
        while time.monotonic() < limit_s:
            self._tell(drain=DRAIN_S)
            found += [] if self._is_drained else self._wait_for("drained", DRAIN_S + _ANSWER_S)
            if not (restarted := self.keep_alive()):
                break
            found += restarted  # killed while it drained
        return found

    def finish(self, footer: str) -> None:
        """Write the last line of the log, and end the relay."""
        limit_s = time.monotonic() + _ANSWER_S
        while not self._ends(footer) and time.monotonic() < limit_s:
            time.sleep(_RETRY_S)
            self.keep_alive()  # it was killed
            self._tell(drain=0.0)  # the killed relay had read everything
        self._is_ended = True
        for fd in (*self._held, self._control, self.events):
            os.close(fd)
        if self._files is not None:
            self._files.remove()
        self.copy.close()

    def _ends(self, footer: str) -> bool:
        """Tell the relay the last line; return whether it wrote it, or does not answer."""
        self._tell(footer=footer)
        try:
            return self._relay.wait(_ANSWER_S) >= 0
        except subprocess.TimeoutExpired:
            self._relay.kill()
            self._relay.wait()
            return True

    def _tell(self, **order: object) -> None:
        with suppress(OSError):
            os.write(self._control, json.dumps(order).encode() + b"\n")

    def _wait_for(self, kind: str, limit_s: float) -> list[RelayEvent]:
        """Collect events until one of a kind, or until the relay has ended or the time limit has passed."""
        deadline_s, found = time.monotonic() + limit_s, list[RelayEvent]()
        while time.monotonic() < deadline_s:
            found += self.read_events()
            if any(event.kind == kind for event in found) or self._relay.poll() is not None:
                break
            time.sleep(0.005)
        return found


def _open_pipes() -> tuple[Streams, tuple[int, ...]]:
    (out_read, out_write), (err_read, err_write) = os.pipe(), os.pipe()
    return Streams(None, out_write, err_write, is_terminal=False), (out_read, err_read)


def _open_terminal() -> tuple[Streams, tuple[int, ...]]:
    master, slave = os.openpty()
    with suppress(OSError):
        # Set the size before the training reads it; the relay handles later changes.
        fcntl.ioctl(slave, termios.TIOCSWINSZ, fcntl.ioctl(1, termios.TIOCGWINSZ, bytes(8)))
    # The user's terminal translates newlines; doing it here too would cost the kernel one call per line.
    modes = termios.tcgetattr(slave)
    modes[_OFLAG] &= ~termios.OPOST
    if os.isatty(0):
        modes[_CC] = termios.tcgetattr(0)[_CC]  # the user's own keys for Ctrl-C, erase and so on
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    return Streams(slave if os.isatty(0) else None, slave, slave, is_terminal=True), (master,)


def _users_terminal() -> dict[str, object] | None:
    modes = termios.tcgetattr(0)
    controls = [one if isinstance(one, int) else one.decode("latin-1") for one in modes[6]]
    return {"fd": 0, "modes": [*modes[:6], controls]}
