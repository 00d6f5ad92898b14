"""Run the user's command for a notification."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event

from tsdia_run.text import visible

# The supervisor blocks signals, and a thread can't safely unblock them between fork and exec: this program does.
_UNBLOCKED = (
    "import os, signal, sys\n"
    "signal.pthread_sigmask(signal.SIG_SETMASK, ())\n"
    "[signal.signal(one, signal.SIG_DFL) for one in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT)]\n"
    "try:\n"
    "    os.execvp(sys.argv[1], sys.argv[1:])\n"
    "except OSError as error:\n"
    "    sys.exit(error.strerror)\n"
)
_MAX_OUTPUT_BYTES = 4096
_LOOK_S = 0.05


def start(argv: Sequence[str], environment: Mapping[str, str], cwd: Path) -> NotificationCommand:
    """Start the command in its own session.

    Raises:
        OSError: It can't be started.
    """
    output = os.memfd_create("notification")
    try:
        child = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _UNBLOCKED, *argv],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except BaseException:
        os.close(output)
        raise
    return NotificationCommand(child, output)


class NotificationCommand:
    """A running command.

    Args:
        child: Its process.
        output: The file that receives its output.
    """

    def __init__(self, child: subprocess.Popen[bytes], output: int) -> None:
        self._child = child
        self._output = output

    def wait(self, limit_s: float, is_over: Event) -> str | None:
        """Wait until it ends; return what went wrong.

        Args:
            limit_s: After this time, it is killed with everything that it started.
            is_over: Set to kill it earlier.
        """
        deadline_s = time.monotonic() + limit_s
        while (code := self._child.poll()) is None:
            if time.monotonic() >= deadline_s or is_over.wait(_LOOK_S):
                with suppress(OSError):
                    os.killpg(self._child.pid, signal.SIGKILL)
                self._child.wait()
                return "it did not end in time"
        if code == 0:
            return None
        how = f"exit code {code}" if code > 0 else f"signal {-code}"
        said = self._last_line()
        return f"{how}: {said}" if said else how

    def close(self) -> None:
        """Close the file with its output."""
        os.close(self._output)

    def _last_line(self) -> str:
        size = os.fstat(self._output).st_size
        data = os.pread(self._output, _MAX_OUTPUT_BYTES, max(0, size - _MAX_OUTPUT_BYTES))
        lines = data.decode("utf-8", "replace").strip().splitlines()
        return visible(lines[-1].strip())[:200] if lines else ""
