"""`make bench`: run every benchmark, print the table, and write it to docs/benchmarks.md."""

from __future__ import annotations

import math
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import checkpoints, hooks, reading, relay, start, wandb_console
from tests.bench.measure import Result, machine

DOCS = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = ("work", "tsdia-run", "peer", "peer's result", "ratio", "spread", "limit")


def main() -> None:
    """Measure everything that has a peer."""
    with tempfile.TemporaryDirectory(prefix="tsdia-bench-") as folder:
        parts = (start, relay, wandb_console, hooks, checkpoints, reading)
        results = [result for part in parts for result in part.measure(Path(folder))]
    table = Table(*HEAD)
    for result in results:
        table.add_row(*row(result))
    Console(width=140).print(table)
    DOCS.write_text(page(results))
    sys.exit(any(not result.is_within for result in results))


def row(result: Result) -> tuple[str, ...]:
    """Return a result as the cells of a table row."""
    return (
        result.work,
        f"{result.ours:.3g} {result.unit}",
        result.peer,
        f"{result.theirs:.3g} {result.unit}" if result.theirs is not None else "",
        f"{result.ratio:.2f}",
        f"{result.low:.2f} to {result.high:.2f}",
        f"{result.limit:.2f}" if math.isfinite(result.limit) else "",
    )


def page(results: list[Result]) -> str:
    """Return the text of docs/benchmarks.md."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Each benchmark times whole processes in alternating runs (tsdia-run, peer,",
        "tsdia-run, peer, …), after a warm-up run that does not count. The table shows medians, and the ratio of the",
        "medians with the lowest and highest ratio of neighbouring runs. The seal of a checkpoint is measured inside",
        "the training, on its thread.",
        "",
        f"Measured on {datetime.now(timezone.utc):%Y-%m-%d}: {machine()}.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "| " + " | ".join("---" for _ in HEAD) + " |",
        *("| " + " | ".join(row(result)) + " |" for result in results),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
