"""`make wild`: run each style of script through new, SIGKILL, resume, info and compare; print a table.

python -m tests.wild [--keep] [NAME…]   NAME: a style, with every number of ranks; or NAME/RANKS
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.wild.row import COLUMNS, Outcome, Row
from tests.wild.styles import STYLES

HEAD = f"{'style':<16} ranks  {'  '.join(COLUMNS)}  seconds"


def main(words: list[str]) -> int:
    """Run the rows and print each as it ends; return 1 if one failed, 2 if a name is unknown."""
    is_kept = "--keep" in words
    names = [word for word in words if word != "--keep"]
    rows = [(style, ranks) for style in STYLES for ranks in style.ranks]
    known = {style.name for style, _ in rows} | {f"{style.name}/{ranks}" for style, ranks in rows}
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if unknown := set(names) - known:
        console.print(f"no such style: {', '.join(sorted(unknown))}\nstyles: {', '.join(sorted(known))}")
        return 2
    console.print(HEAD)
    has_failed = False
    for style, ranks in rows:
        if names and not {style.name, f"{style.name}/{ranks}"} & set(names):
            continue
        folder = Path(tempfile.mkdtemp(prefix=f"tsdia-wild-{style.name}-{ranks}-"))
        outcome = Row(style, ranks, folder).run()
        console.print(line(outcome))
        has_failed = has_failed or bool(outcome.faults)
        if is_kept or outcome.faults:
            console.print(f"    {folder}")
        else:
            shutil.rmtree(folder)
    return int(has_failed)


def line(outcome: Outcome) -> str:
    """Return a row as text; the reasons follow, one per line."""
    marks = ["✓" if column in outcome.passed else "✗" if column in outcome.faults else "-" for column in COLUMNS]
    cells = "  ".join(f"{mark:<{len(column)}}" for mark, column in zip(marks, COLUMNS, strict=True))
    text = f"{outcome.style:<16} {outcome.ranks:<5}  {cells}  {outcome.seconds:7.1f}"
    return "\n".join([text, *(f"    {fault}" for fault in outcome.faults.values())])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
