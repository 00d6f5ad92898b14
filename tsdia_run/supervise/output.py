"""Our side of the output path: the pipes that the training writes into, and the relay that reads them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import tsdia_run

_RELAY = Path(tsdia_run.__file__).parent / "relay" / "__main__.py"
# After the training ended, a process that it left behind may hold the pipe open for this long.
DRAIN_S = 5.0
_ENDING_S = 5.0


@dataclass
class Output:
    """The pipes and the relay of one attempt.

    We keep the read ends too, so that another relay can go on where one was killed.

    Attributes:
        stdout: Write end for the training's standard output.
        stderr: Write end for its standard error.
    """

    log: Path
    stdout: int
    stderr: int
    _read_ends: tuple[int, int]
    _control: int
    _relay: subprocess.Popen[bytes]

    @classmethod
    def open(cls, log: Path) -> Output:
        """Start the relay.

        Raises:
            OSError: No pipe or no process can be had.
        """
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        relay, control = _start_relay(log, out_read, err_read)
        return cls(log, out_write, err_write, (out_read, err_read), control, relay)

    def close_write_ends(self) -> None:
        """After the training has inherited them: only it keeps them open."""
        os.close(self.stdout)
        os.close(self.stderr)

    def keep_alive(self) -> bool:
        """Start another relay if the last one was killed.

        Returns:
            Whether it had to.
        """
        if self._relay.poll() is None:
            return False
        os.close(self._control)
        self._relay, self._control = _start_relay(self.log, *self._read_ends)
        return True

    def drain(self) -> None:
        """After the training has ended: bring what it wrote to the console and the log, and end the relay."""
        for fd in self._read_ends:
            os.close(fd)
        with suppress(OSError):
            os.write(self._control, json.dumps({"drain": DRAIN_S}).encode() + b"\n")
        try:
            self._relay.wait(DRAIN_S + _ENDING_S)
        except subprocess.TimeoutExpired:
            self._relay.kill()
            self._relay.wait()
        os.close(self._control)


def _start_relay(log: Path, out_read: int, err_read: int) -> tuple[subprocess.Popen[bytes], int]:
    control_read, control_write = os.pipe()
    spec = {"log": str(log), "stdout": out_read, "stderr": err_read, "control": control_read}
    try:
        relay = subprocess.Popen(
            # -S and -E: it needs the standard library alone, and starts in half the time.
            [sys.executable, "-S", "-E", str(_RELAY), "tsdia_run relay", json.dumps(spec)],
            stdin=subprocess.DEVNULL,
            pass_fds=(out_read, err_read, control_read),
        )
    finally:
        os.close(control_read)
    return relay, control_write
