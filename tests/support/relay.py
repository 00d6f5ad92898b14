"""A real relay, with the test in the roles of its supervisor and of the training."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import tsdia_run
from tsdia_run.relay.journal import in_memory

MAIN = Path(tsdia_run.__file__).parent / "relay" / "__main__.py"
LIMIT_S = 20.0
_living: list[subprocess.Popen[bytes]] = []


@pytest.fixture(autouse=True)
def no_relay_left() -> Iterator[None]:
    """Kill the relay of a test that failed before the end."""
    yield
    while _living:
        process = _living.pop()
        process.kill()
        process.wait()


class Relay:
    """A relay that reads two pipes, whose write ends the test owns.

    Args:
        folder: The folder for the logs; ``training_x.log`` in it is the live file.
        console: Whether the relay's outputs are pipes that ``shown`` reads (otherwise there is no console).
        main: What the first relay runs.
        spec: The fields of the SPEC other than descriptors and paths.
    """

    def __init__(
        self, folder: Path, *, console: bool = True, main: Sequence[str] = (str(MAIN),), **spec: object
    ) -> None:
        self.folder = folder
        self.log = folder / "training_x.log"
        self._spec = spec
        self._out_read, self.out = os.pipe()
        self._err_read, self.err = os.pipe()
        self._journal = in_memory()
        self._pipes = (os.pipe(), os.pipe())
        self.console_out, self._console_out = _pipe(is_wanted=console)
        self.console_err, self._console_err = _pipe(is_wanted=console)
        self.start(main=main)

    def start(self, *, main: Sequence[str] = (str(MAIN),)) -> None:
        """Start a relay; a second call starts a relay that continues where the first one was killed."""
        control_read, self.control = os.pipe()
        self.events, events_write = os.pipe()
        fds: dict[str, int | None] = {
            "stdout": self._out_read,
            "stderr": self._err_read,
            "console_out": self._console_out,
            "console_err": self._console_err,
            "control": control_read,
            "events": events_write,
        }
        spec: dict[str, object] = {"log": str(self.log), "mode": "pipes", **fds, **self._spec}
        spec |= {"journal": self._journal, "console_pipes": self._pipes}
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-E", *main, "tsdia_run relay", json.dumps(spec)],
            stdin=subprocess.DEVNULL,
            pass_fds=[
                *self._journal,
                *self._pipes[0],
                *self._pipes[1],
                *(fd for name in fds if isinstance(fd := spec[name], int)),
            ],
        )
        _living.append(self.process)
        os.close(control_read)
        os.close(events_write)

    def order(self, **message: object) -> None:
        """Send an order as the supervisor does."""
        os.write(self.control, json.dumps(message).encode() + b"\n")

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition is true; fail after a timeout."""
        end = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < end, f"not in time: {what}"
            time.sleep(0.01)

    def wait_for_log(self, text: bytes) -> None:
        """Wait until the live file contains a string."""
        self.wait_for(lambda: self.log.exists() and text in self.log.read_bytes(), repr(text))

    def close_sources(self) -> None:
        """Close the sources: the training has ended, and no other process has its output open."""
        for fd in (self.out, self.err):
            with suppress(OSError):
                os.close(fd)

    def end(self, footer: str = "footer") -> list[dict[str, Any]]:
        """Let the training end and the relay finish.

        Returns:
            The events that the relay sent.
        """
        self.close_sources()
        self.order(drain=LIMIT_S)
        self.order(footer=footer)
        return self.ended()

    def ended(self) -> list[dict[str, Any]]:
        """Wait for the relay to exit and return its events."""
        assert self.process.wait(LIMIT_S) == 0
        self.close_console_writers()
        for fd in (*self._journal, *self._pipes[0], *self._pipes[1]):
            os.close(fd)
        with open(self.events, "rb", closefd=False) as events:
            return [json.loads(line) for line in events]

    def close_console_writers(self) -> None:
        """Close the test's duplicates, so that a reader of the console sees the end of file."""
        for fd in (self._console_out, self._console_err):
            if fd is not None:
                os.close(fd)
        self._console_out = self._console_err = None

    def kill(self) -> None:
        """Send SIGKILL, as the kernel's out-of-memory killer does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def rss_kib(self, field: str = "VmHWM") -> int:
        """Return the highest memory use so far; VmRSS: the current one."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field))

    def lines(self) -> list[str]:
        """Return all lines of the log, its parts in the order of their names, without header and footer."""
        return concatenation(self.folder).decode().splitlines()


def _pipe(*, is_wanted: bool) -> tuple[int | None, int | None]:
    return os.pipe() if is_wanted else (None, None)


def concatenation(folder: Path) -> bytes:
    """Return what `zcat -f` prints for the log's files in the order of their names."""
    names = sorted(str(path) for path in folder.glob("training_x.*"))
    return subprocess.run(["zcat", "-f", *names], capture_output=True, check=True).stdout if names else b""


def read_all(fd: int) -> bytes:
    """Read everything up to the end of a pipe."""
    with open(fd, "rb") as pipe:
        return pipe.read()


def write_all(fd: int, data: bytes) -> None:
    """Write all of the data; fail if no process reads for long."""
    os.set_blocking(fd, False)
    view = memoryview(data)
    while view:
        assert select.select([], [fd], [], LIMIT_S)[1], "the relay does not read"
        with suppress(BlockingIOError):
            view = view[os.write(fd, view) :]
