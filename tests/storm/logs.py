"""What must be true of the log of an attempt after any kills."""

from __future__ import annotations

import re
import subprocess

from tsdia_run.rundir.layout import RunLayout

_LINE = re.compile(r"attempt (\d+) rank (\d+) line (\d+)")


def log_faults(layout: RunLayout, run_id: str, attempt: int, log: str, *, is_lossy: bool) -> list[str]:
    """Return the lines that are lost, doubled, reordered or broken.

    Args:
        layout: The files of the run.
        run_id: The id of the run.
        attempt: The number of the attempt.
        log: Its log, relative to the run directory.
        is_lossy: Whether the end of the output may be missing.
    """
    files = sorted(str(path) for path in layout.root.glob(f"{log.removesuffix('log')}*"))
    text = subprocess.run(["zcat", "-f", *files], capture_output=True, text=True, check=True).stdout if files else ""
    found, lines = [], [line for line in text.splitlines() if line.startswith("attempt ")]
    seen: dict[str, int] = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            found.append(f"attempt {attempt}: a broken line: {line[:100]!r}")
        elif int(match[3]) != seen.setdefault(match[2], 0):
            return [*found, f"attempt {attempt}: {line!r} instead of line {seen[match[2]]}"]
        else:
            seen[match[2]] += 1
    for told in layout.root.parents[1].glob(f"told-{run_id}-{attempt}-*"):
        printed, rank = int(told.read_text() or 0), told.name.rpartition("-")[2]
        if seen.get(rank, 0) < printed and not is_lossy:
            found.append(f"attempt {attempt} rank {rank}: {seen.get(rank, 0)} of {printed} lines are in the log")
    return found
