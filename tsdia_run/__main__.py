"""The entry point of the ``tsdia-run`` command and of ``python -m tsdia_run``."""

from __future__ import annotations

import gc
import os
import signal
import sys


def main() -> None:
    """Run the command line."""
    # First of all: Ctrl-C during an import ends the process without a traceback, as SIGTERM does. The supervisor has
    # its own handlers. An ignored SIGINT, as in a job started with `&` from a script, stays ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    _open_standard_streams()
    # Garbage collection during imports takes a tenth of the start-up time; the supervisor turns it on again.
    gc.disable()
    from tsdia_run.cli.main import main as command_line

    command_line()


def _open_standard_streams() -> None:
    """Open closed standard streams (``2>&-``): Python sets them to None, and the next file would get their number."""
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null == fd:
                os.set_inheritable(fd, True)
            else:
                os.dup2(null, fd)
                os.close(null)
            setattr(sys, name, open(fd, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for the whole process


if __name__ == "__main__":
    main()
