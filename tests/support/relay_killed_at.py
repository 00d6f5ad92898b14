"""Run a relay that kills itself with SIGKILL before a given line of its code, counted from the start.

python -S -E relay_killed_at.py LINES MAIN "tsdia_run relay" SPEC
"""

from __future__ import annotations

import itertools
import os
import runpy
import signal
import sys
from types import FrameType
from typing import Any

LAST, MAIN = int(sys.argv.pop(1)), sys.argv.pop(1)
FOLDER = os.path.dirname(MAIN)
passed = itertools.count(1)


def trace(frame: FrameType, event: str, _arg: object) -> Any:
    """Count the lines of the relay."""
    if not frame.f_code.co_filename.startswith(FOLDER):
        return None
    if event == "line" and next(passed) == LAST:
        os.kill(os.getpid(), signal.SIGKILL)
    return trace


sys.settrace(trace)
runpy.run_path(MAIN, run_name="__main__")
