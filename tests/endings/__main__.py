"""Run rows of the table of endings and print what differs: ``python -m tests.endings [WORD]``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.endings.places import differences_of
from tests.endings.table import ROWS
from tests.support.zygote import Zygote


def main() -> int:
    """Run the rows whose name contains each of the words; return the exit code."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        zygote_folder = Path(folder) / "zygote"
        zygote_folder.mkdir()
        zygote = Zygote(zygote_folder)
        for number, row in enumerate(ROWS):
            if not all(word in row.name for word in sys.argv[1:]):
                continue
            project = Path(folder) / str(number)
            project.mkdir()
            began_s = time.monotonic()
            try:
                found = differences_of(row, project, zygote)
            except pytest.skip.Exception as skipped:
                sys.stdout.write(f"skipped: {skipped}: {row.name}\n")
                continue
            failed += bool(found)
            sys.stdout.write(f"{'BAD' if found else 'ok '} {time.monotonic() - began_s:5.1f} s  {row.name}\n")
            sys.stdout.writelines(f"      {line}\n" for line in found)
            sys.stdout.flush()
        zygote.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
