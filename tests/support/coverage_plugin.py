"""Measure what coverage itself can't: only `make coverage` loads this plugin.

Coverage imports its plugins in every process that it measures, so this plugin can change what would hide code from it:

- tsdia-run starts the relay without Python's ``site``, which would start coverage in the relay;
- many tests start a process with an environment of their own, without the variables that start coverage;
- a command that was asked to stop ends itself by a signal, and the data of its process would be lost;
- Python traces no audit hook, and nothing that the hook calls, unless the hook asks for it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from coverage import Coverage

_WITHOUT_SITE = ["-S", "-E"]
_RELAY = "tsdia_run relay"
_STARTS_COVERAGE = ("COVERAGE_PROCESS_CONFIG", "PYTHONPATH")


def coverage_init(reg: object, options: object) -> None:
    """Prepare a process; coverage requires this function of a plugin, and calls it again after a fork."""
    if os.kill.__module__ != __name__:
        subprocess.Popen.__init__ = _measured(subprocess.Popen.__init__)  # type: ignore[method-assign]
        os.kill = _saved_first(os.kill)
        sys.addaudithook = _traced(sys.addaudithook)


def _measured(start: Callable[..., None]) -> Callable[..., None]:
    def start_measured(self: Any, args: Any, *rest: Any, **named: Any) -> None:
        if isinstance(args, list) and args[1:3] == _WITHOUT_SITE and args[4:5] == [_RELAY]:
            args = [args[0], *args[3:]]
        if named.get("env") is not None:
            named["env"] = {
                **{name: os.environ[name] for name in _STARTS_COVERAGE if name in os.environ},
                **named["env"],
            }
        start(self, args, *rest, **named)

    return start_measured


def _saved_first(kill: Callable[[int, int], None]) -> Callable[[int, int], None]:
    def save_and_kill(pid: int, number: int, /) -> None:
        measuring = Coverage.current()
        if pid == os.getpid() and measuring is not None:
            with contextlib.suppress(Exception):
                measuring.save()
        kill(pid, number)

    return save_and_kill


def _traced(add: Callable[..., None]) -> Callable[..., None]:
    def add_traced(hook: Any, /) -> None:
        with contextlib.suppress(AttributeError):
            hook.__cantrace__ = True  # the attribute that CPython looks for
        add(hook)

    return add_traced
