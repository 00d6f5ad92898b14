"""Generate the tables of causes in docs/endings.md from tests/endings: ``make docs``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.endings.row import How, Row  # noqa: E402
from tests.endings.table import SECTIONS  # noqa: E402

PAGE = Path(__file__).with_name("endings.md")
_HEAD = "## Every cause\n"
_ABOUT = """
Made by `make docs` from the table in `tests/endings`, which the tests run. The record, the closing card and
`tsdia-run info` give the same reason; `…` stands for text that differs.
"""
_COLUMNS = "\n| cause | ranks | start | state | exit code | reason |\n| --- | --- | --- | --- | --- | --- |\n"


def text() -> str:
    """Return the page with new tables."""
    before, _, _ = PAGE.read_text(encoding="utf-8").partition(_HEAD)
    return before + _HEAD + _ABOUT + "".join(_tables())


def _tables() -> Iterator[str]:
    for title, rows in SECTIONS.items():
        yield f"\n### {title}\n{_COLUMNS}" + "".join(map(_line, rows))


def _line(row: Row) -> str:
    start = "" if row.how is How.PYTHON else row.how.value
    cells = (row.cause, str(row.ranks), start, row.state, _code(row), row.reason)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _code(row: Row) -> str:
    if row.exit_code >= 0:
        return str(row.exit_code)
    return f"death by {signal.Signals(-row.exit_code).name}"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
