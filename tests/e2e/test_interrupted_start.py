"""Ctrl-C at any instant of a command: it dies of the signal, without a traceback."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import environment
from tests.support.slow import each_once


def interrupted(
    words: list[str], number: signal.Signals, at: int, cwd: Path, *, is_ignored: bool = False
) -> tuple[int, str] | None:
    """Send a signal when the command has imported ``at`` modules since its first line; None if it imports fewer."""
    ignore = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"] if is_ignored else []
    running = subprocess.Popen(
        [*ignore, sys.executable, "-v", "-m", "tsdia_run", *words],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    with running:
        assert running.stderr
        seen = 0
        for line in running.stderr:
            seen += line.startswith("import ") and (seen > 0 or "tsdia_run.cli" in line)
            if seen == at:
                running.send_signal(number)
                break
        else:
            return None
        rest = running.stderr.read()
    return running.returncode, rest


@pytest.mark.parametrize(
    ("words", "number"),
    each_once(
        [["list"], ["info"], ["--help"], ["completion", "--words", "bash", "i", "tsdia-run i"]],
        [signal.SIGINT, signal.SIGTERM],
    ),
)
def test_a_signal_during_the_imports(words: list[str], number: signal.Signals, tmp_path: Path) -> None:
    ends = []
    for at in (*range(1, 20, 3), *range(20, 100, 20)):
        ended = interrupted(words, number, at, tmp_path)
        if ended is None:
            break
        assert "Traceback" not in ended[1]
        assert "KeyboardInterrupt" not in ended[1]
        ends.append(ended[0])
    assert ends[0] == -number
    # A command that has ended before the signal has its own exit code.
    assert set(ends) <= {-number, 0, 66}


def test_an_ignored_ctrl_c_stays_ignored(tmp_path: Path) -> None:
    ended = interrupted(["info"], signal.SIGINT, 1, tmp_path, is_ignored=True)
    assert ended is not None
    assert (ended[0], "no runs yet" in ended[1]) == (66, True)
