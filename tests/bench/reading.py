"""Measure commands that look at runs: whole processes, against a plain loop over the same records and fixed limits."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.large_runs import large, linked, many, with_checkpoints, without_summary
from tests.bench.measure import Result, alternate
from tests.bench.start import seconds_of
from tests.support.command import COMMAND, environment

BARE_LOOP = """\
import json, os, sys
found = []
for entry in os.scandir(sys.argv[1]):
    with open(f"{entry.path}/run.json", "rb") as file:
        found.append(json.loads(file.read()))
print(len(found))
"""
JSON_PASS = """\
import json, sys
for line in open(sys.argv[1]):
    json.loads(line)
"""
RUNS = 5
COMPARED = 20
NAMES = 300


@dataclass(frozen=True)
class Sizes:
    """The amount of data to read.

    Attributes:
        runs: The number of runs in the list.
        lines: The number of metric lines in the large run.
        checkpoints: The number of checkpoints in a run with many.
        unread: The number of metric lines in a run without a summary.
        log_bytes: The size of its logs.
    """

    runs: int = 10_000
    lines: int = 1_000_000
    unread: int = 2_000_000
    checkpoints: int = 10_000
    log_bytes: int = 1_000_000_000


@dataclass(frozen=True)
class Cost:
    """The resources that a process used.

    Attributes:
        wall_s: From its start to its end.
        memory_mb: Highest resident memory, in 10^6 bytes.
    """

    wall_s: float
    memory_mb: float


def measure(folder: Path, sizes: Sizes = Sizes()) -> list[Result]:
    """Return all results; needs 1.5 GB in the folder."""
    many(folder / "many", sizes.runs)
    large(folder / "large" / "exp-0", sizes.lines, sizes.log_bytes)
    for number in range(1, COMPARED):
        linked(folder / "large" / "exp-0", folder / "large" / f"exp-{number}")
    names = [str(path) for path in sorted((folder / "large").iterdir())]
    large_run = f"{sizes.lines:,} metric lines and {sizes.log_bytes / 1e9:.3g} GB of logs"
    saved = with_checkpoints(folder / "saved" / "exp", sizes.checkpoints)
    looked = [_cost(folder, "info", str(saved.root)) for _ in range(RUNS)]
    told = [_cost(folder, "info", names[0]) for _ in range(RUNS)]
    compared = [_cost(folder, "compare", *names) for _ in range(RUNS)]
    since = [_cost(folder, "logs", names[0], "--since", "5m") for _ in range(RUNS)]
    return [
        *_lists(folder, sizes),
        _against(f"info of a run with {large_run}", told, lambda cost: cost.wall_s, 0.6, "s"),
        _against("peak memory of the same info", told, lambda cost: cost.memory_mb, 60, "MB"),
        _against(f"compare of {COMPARED} such runs", compared, lambda cost: cost.wall_s, 2.0, "s"),
        _against(f"info of a run with {sizes.checkpoints:,} checkpoints", looked, lambda cost: cost.wall_s, 1.0, "s"),
        _unread(folder, sizes),
        _against("logs --since 5m of such a run", since, lambda cost: cost.wall_s, 0.5, "s"),
    ]


def _unread(folder: Path, sizes: Sizes) -> Result:
    layout = without_summary(folder / "unread" / "exp", sizes.unread, NAMES)
    return alternate(
        f"info of {sizes.unread:,} metric lines of {NAMES} metrics, without their summary",
        lambda: seconds_of([COMMAND, "info", str(layout.root)], folder),
        "json.loads of each line",
        lambda: seconds_of([sys.executable, "-c", JSON_PASS, str(layout.metrics)], folder),
        runs=RUNS,
        limit=0.7,
    )


def _lists(folder: Path, sizes: Sizes) -> list[Result]:
    root = str(folder / "many")
    return [
        alternate(
            f"{words} of {sizes.runs:,} runs",
            lambda words=words: seconds_of([COMMAND, *words.split(), root], folder),  # type: ignore[misc]
            "scandir, open, json.loads",
            lambda: seconds_of([sys.executable, "-c", BARE_LOOP, root], folder),
            runs=RUNS,
            limit=2.0,
        )
        for words in ("list", "list --json")
    ]


# A small intermediate process: a child's peak memory includes that of the process that started it.
MEASURED = """\
import resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def _cost(folder: Path, *words: str) -> Cost:
    argv = [sys.executable, "-c", MEASURED, COMMAND, *words]
    done = subprocess.run(argv, cwd=folder, env=environment(), check=True, capture_output=True, text=True)
    wall_s, kib = done.stdout.split()
    return Cost(float(wall_s), int(kib) * 1024 / 1e6)


def _against(work: str, costs: list[Cost], figure: Callable[[Cost], float], limit: float, unit: str) -> Result:
    found = [figure(cost) for cost in costs]
    ours = statistics.median(found)
    peer = f"limit of {limit:g} {unit}"
    return Result(work, ours, peer, None, unit, ours / limit, min(found) / limit, max(found) / limit, 1.0)
