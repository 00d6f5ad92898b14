"""bash, zsh and fish on a terminal of their own, with tsdia-run's completion."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from tests.support.command import COMMAND, environment

_ARGV = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
# The prompt is put together by the shell: the echo of these lines does not contain it.
_SETUP = {
    "bash": "bind 'set enable-bracketed-paste off'; eval \"$(tsdia-run completion bash)\"; PS1='re''ady> '",
    "zsh": "bindkey -e; autoload -U compinit; compinit -u -D; eval \"$(tsdia-run completion zsh)\"; PS1='re''ady> '",
    "fish": "tsdia-run completion fish | source; function fish_prompt; echo 're''ady> '; end",
}
SHELLS = tuple(_ARGV)
PROMPT = b"ready> "


@contextmanager
def shell(name: str, cwd: Path) -> Iterator[pexpect.spawn]:
    """Start a shell in which TAB completes tsdia-run."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    env = {
        **environment(),
        "PATH": f"{Path(COMMAND).parent}:/usr/bin:/bin",
        "INPUTRC": os.devnull,
        "HOME": str(cwd),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
    }
    running = pexpect.spawn(_ARGV[name][0], _ARGV[name][1:], cwd=str(cwd), env=env, timeout=30)
    running.setwinsize(50, 250)
    running.sendline(_SETUP[name])
    running.expect_exact(PROMPT)
    try:
        yield running
    finally:
        running.close(force=True)
