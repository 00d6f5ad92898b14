"""Measure the time that sealing a checkpoint adds to the training thread, next to the save itself and its fsync."""

from __future__ import annotations

import statistics
import subprocess
from pathlib import Path

from tests.bench.measure import Result
from tests.support.saving import SCRIPTS, Saver
from tsdia_run.rundir.layout import RunLayout

SAVES = 9


def measure(folder: Path) -> list[Result]:
    """Return the results of this file."""
    saver = Saver(folder / "saves")
    RunLayout(saver.root).attempt(0).root.mkdir(parents=True)
    done = subprocess.run(
        saver.command(str(SAVES), script=str(SCRIPTS / "timed_saves.py")),
        env=saver.environ(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    times = [tuple(map(float, line.split())) for line in done.stdout.splitlines()][1:]
    ratios = [ours / (save + sync) for ours, save, sync in times]
    return [
        Result(
            work="seal of a 200 MB checkpoint",
            ours=statistics.median(ours for ours, _, _ in times) * 1000,
            peer="save_state and fsync",
            theirs=statistics.median(save + sync for _, save, sync in times) * 1000,
            unit="ms",
            ratio=statistics.median(ratios),
            low=min(ratios),
            high=max(ratios),
            limit=0.02,
        )
    ]
