"""The installed command on its own terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pexpect

from tests.support.command import COMMAND, environment


def spawn(
    *words: str, cwd: Path, size: tuple[int, int] = (40, 120), env: Mapping[str, str] | None = None
) -> pexpect.spawn:
    """Start the command on a terminal with this number of lines and columns, whatever the tester's terminal has."""
    variables = environment({"TERM": "xterm", **(env or {})})
    own = {name: value for name, value in variables.items() if name not in ("COLUMNS", "LINES")}
    return pexpect.spawn(COMMAND, list(words), cwd=str(cwd), env=own, dimensions=size, encoding="utf-8", timeout=60)


def shown(*words: str, cwd: Path, size: tuple[int, int] = (40, 120), env: Mapping[str, str] | None = None) -> str:
    """Return everything that the command shows until it exits, as the terminal receives it."""
    running = spawn(*words, cwd=cwd, size=size, env=env)
    running.expect(pexpect.EOF)
    text = running.before
    running.close()
    assert isinstance(text, str)
    return text
