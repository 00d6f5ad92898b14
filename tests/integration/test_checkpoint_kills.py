"""A save of 200 MB, killed at 1 to 99 %, leaves a complete checkpoint: the newest that was sealed."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.saving import KILLED, Saver
from tests.support.slow import slow
from tsdia_run.checkpoints import find, newest_complete

UNDISTURBED = 3
FOREVER_S = 120.0


class Saves:
    """The script that saves and is killed.

    Args:
        process: The script.
        root: Its run directory.
    """

    def __init__(self, process: subprocess.Popen[str], root: Path) -> None:
        self._process = process
        self.root = root

    def save(self, number: int, after_s: float) -> float | None:
        """Save checkpoint ``number``; return the seconds it took, or None if the process was killed."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{number} {after_s}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().split()
        assert answer[0] == str(number)
        return float(answer[1]) if answer[-1] == "sealed" else None

    def newest(self) -> int:
        """Return the number of the newest complete checkpoint, after a check of its contents."""
        chosen = newest_complete(find(self.root)).chosen
        assert chosen, "no complete checkpoint is left"
        assert chosen.manifest
        number = int(chosen.path.name.removeprefix("checkpoint_"))
        assert chosen.manifest.size_bytes > 195e6
        data = (chosen.path / "model.safetensors").read_bytes()
        weights = data[8 + int.from_bytes(data[:8], "little") :]
        assert weights == array("f", [number]).tobytes() * (len(weights) // 4)
        return number


@contextmanager
def saves(root: Path, limit: str) -> Iterator[Saves]:
    saver = Saver(root)
    root.mkdir()
    with subprocess.Popen(
        saver.command(limit, script=KILLED),
        env=saver.environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Saves(process, root)
        finally:
            os.kill(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("moments", [20, *slow(50)])
def test_a_kill_at_any_moment_of_a_save_loses_no_checkpoint(tmp_path: Path, moments: int) -> None:
    """Use total_limit=1: without tsdia-run, Accelerate removes the only other checkpoint before it saves."""
    with saves(tmp_path / "exp", "1") as script:
        took_s = [script.save(number, FOREVER_S) or FOREVER_S for number in range(UNDISTURBED)]
        save_s, sealed, killed = statistics.median(took_s), UNDISTURBED - 1, 0
        assert script.newest() == sealed
        assert len(find(script.root)) == 1
        for moment in range(moments):
            number = UNDISTURBED + moment
            fraction = 0.01 + 0.98 * moment / (moments - 1)
            was_sealed = script.save(number, fraction * save_s) is not None
            killed += not was_sealed
            # If it was killed after the manifest and before the answer, the checkpoint is complete too.
            newest = script.newest()
            assert newest in ({number} if was_sealed else {sealed, number})
            sealed = newest
        # A machine may become faster during the test, but not by this much.
        assert killed > moments / 2
        script.save(999, FOREVER_S)
        assert script.newest() == 999
        assert [checkpoint.iteration for checkpoint in find(script.root)] == [999]
