"""`make storm`: start, resume and stop runs, and SIGKILL each kind of process at random moments; print a table.

python -m tests.storm [MINUTES [SEED]]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tests.storm.storm import Storm
from tests.storm.victims import SHARES

_COMMANDS = ("new", "resume", "ensure", "stop", "info", "logs")


def main(minutes: float, seed: int) -> int:
    """Run for a time; return 1 if there was a fault. The folder of a run with a fault is kept."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="tsdia-storm-"))
    storm, end_s, number = Storm(seed, folder), time.monotonic() + 60 * minutes, 0
    console.print(f"seed {seed}, {minutes:g} minutes, in {folder}")
    while time.monotonic() < end_s:
        known = len(storm.faults)
        storm.run_one(number)
        number += 1
        for fault in storm.faults[known:]:
            console.print(f"FAULT {fault}")
    kills = storm.victims.kills
    console.print(f"\n{'killed':<12} kills " + "".join(f"{command:>8}" for command in _COMMANDS))
    for kind in SHARES:
        counts = "".join(f"{kills[kind, command]:>8}" for command in _COMMANDS)
        console.print(f"{kind:<12} {storm.victims.count(kind):5} {counts}")
    commands = ", ".join(f"{count} {name}" for name, count in storm.commands.most_common())
    console.print(f"{'together':<12} {kills.total():5}, in {number} runs ({commands}); {len(storm.faults)} faults")
    if not storm.faults:
        folder.rmdir()
    return 1 if storm.faults else 0


if __name__ == "__main__":
    sys.exit(main(float((sys.argv[1:] or ["5"])[0]), int((sys.argv[2:] or ["1"])[0])))
