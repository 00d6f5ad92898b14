"""The commands that tsdia-run suggests, taken from its output and typed into a shell."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.command import COMMAND, environment

_COMMAND = re.compile(r"(?:cd \S.* && )?tsdia-run (?:new|resume|ensure|stop|info|logs|list)\b.*")


def suggested(text: str) -> list[str]:
    """Return every suggested command in a text, without its explanation."""
    found = [match.group() for line in text.splitlines() if (match := _COMMAND.search(line))]
    return [re.split(r"   +\(|  +|`", command)[0].strip() for command in found]


def the(text: str, *words: str) -> str:
    """Return the only suggested command that contains all the words."""
    found = [command for command in suggested(text) if all(word in command for word in words)]
    assert len(found) == 1, f"{found} of {suggested(text)} have {words}"
    return found[0]


def paste(command: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Type a command into bash."""
    path = f"{Path(COMMAND).parent}:/usr/bin:/bin"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env={**environment(env), "PATH": path},
        capture_output=True,
        text=True,
        errors="backslashreplace",
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )
