"""Import every module that the supervisor may need: an upgrade may replace the package while a training runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from threading import Thread

import tsdia_run
from tsdia_run.supervise.relay_copy import RelayCopy

# These run in other processes.
_ELSEWHERE = frozenset({"__main__", "training", "relay", "examples"})
# Only a run that was started from the command line needs these; rich draws its closing card.
_COMMAND_LINE = "cli"
_FOR_THE_CARD = ("rich.console", "rich.panel", "rich.table", "rich.text")


def start(copy: RelayCopy) -> None:
    """Import every module of the package and copy the relay, in the background: the training doesn't wait for it.

    All modules are imported, so that no late import can be missed here. A program that started the run without the
    command line does not load that.

    Args:
        copy: The copy of the relay; made first, since the training's output depends on it.
    """
    Thread(target=_work, args=(copy,), name="preload", daemon=True).start()


def _work(copy: RelayCopy) -> None:
    with suppress(OSError):
        copy.make()
    has_command_line = f"tsdia_run.{_COMMAND_LINE}" in sys.modules
    others = _ELSEWHERE if has_command_line else _ELSEWHERE | {_COMMAND_LINE}
    for name in (*_modules(others), *(_FOR_THE_CARD if has_command_line else ())):
        with suppress(Exception):  # a module that can't be imported now can't be imported later
            importlib.import_module(name)


def _modules(others: Collection[str]) -> list[str]:
    package = Path(tsdia_run.__file__).parent
    paths = [path.relative_to(package.parent).with_suffix("") for path in sorted(package.rglob("*.py"))]
    return [".".join(path.parts) for path in paths if path.parts[1] not in others and path.name != "__init__"]
