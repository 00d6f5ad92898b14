"""Run a command on a new terminal with a real relay; the script takes the supervisor's role and runs on a terminal
itself.

python relay_on_terminal.py LOG COMMAND…
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import tsdia_run

MAIN = Path(tsdia_run.__file__).parent / "relay" / "__main__.py"


def main(log: str, command: list[str]) -> None:
    """Run the command until it exits."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
    own_modes = termios.tcgetattr(slave)
    own_modes[1] &= ~termios.OPOST  # the user's terminal turns a newline into two characters; once is enough
    termios.tcsetattr(slave, termios.TCSANOW, own_modes)
    modes = termios.tcgetattr(0)
    modes[6] = [code if isinstance(code, int) else code[0] for code in modes[6]]
    control_read, control = os.pipe()
    events, events_write = os.pipe()
    spec = {
        "log": log,
        "mode": "pty",
        "stdout": master,
        "console_out": 1,
        "control": control_read,
        "events": events_write,
        "terminal": {"fd": 0, "modes": modes},
    }
    argv = [sys.executable, "-S", "-E", str(MAIN), "tsdia_run relay", json.dumps(spec)]
    relay = subprocess.Popen(argv, pass_fds=(0, 1, master, control_read, events_write))
    attach = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
    )
    training = subprocess.Popen(
        [sys.executable, "-c", attach, *command], stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    for fd in (slave, master, control_read, events_write):
        os.close(fd)

    def suspend(*_: object) -> None:
        os.write(control, b'{"suspend": true}\n')
        os.read(events, 1000)
        training.send_signal(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.write(control, b'{"resume": true}\n')
        training.send_signal(signal.SIGCONT)

    signal.signal(signal.SIGINT, lambda *_: training.send_signal(signal.SIGINT))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTSTP, suspend)
    training.wait()
    os.write(control, b'{"drain": 5}\n{"footer": "footer"}\n')
    relay.wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
