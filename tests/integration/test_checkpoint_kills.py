"""Kill a save of 200 MB at 1 to 99 %: a complete checkpoint always exists, and it is the newest that was sealed."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.saving import KILLED, Saver
from tsdia_run.checkpoints import find, newest_whole

MOMENTS = 50
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
        """Save checkpoint ``number``; return the seconds of the save, or None if it was killed during it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{number} {after_s}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().split()
        assert answer[0] == str(number)
        return float(answer[1]) if answer[-1] == "sealed" else None

    def newest(self) -> int:
        """Return the number of the newest complete checkpoint, after a check of its contents."""
        chosen = newest_whole(find(self.root)).chosen
        assert chosen, "no whole checkpoint is left"
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


def test_a_save_that_is_killed_at_any_moment_costs_no_checkpoint(tmp_path: Path) -> None:
    """With total_limit=1, where plain Accelerate would have removed the only other checkpoint before the save."""
    with saves(tmp_path / "exp", "1") as script:
        took_s = [script.save(number, FOREVER_S) or FOREVER_S for number in range(UNDISTURBED)]
        save_s, sealed, killed = statistics.median(took_s), UNDISTURBED - 1, 0
        assert script.newest() == sealed
        assert len(find(script.root)) == 1
        for moment in range(MOMENTS):
            number = UNDISTURBED + moment
            fraction = 0.01 + 0.98 * moment / (MOMENTS - 1)
            was_sealed = script.save(number, fraction * save_s) is not None
            killed += not was_sealed
            # Killed after the manifest and before the answer, it is complete too.
            newest = script.newest()
            assert newest in ({number} if was_sealed else {sealed, number})
            sealed = newest
        # A machine may be faster than before, but not by this much.
        assert killed > MOMENTS / 2
        script.save(999, FOREVER_S)
        assert script.newest() == 999
        assert [checkpoint.iteration for checkpoint in find(script.root)] == [999]
