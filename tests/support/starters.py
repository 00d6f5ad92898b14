"""Started as a process of its own: claim a run directory, say so, and hold it until standard input ends."""

from __future__ import annotations

import sys
from pathlib import Path

from tsdia_run.errors import TsdiaRunError
from tsdia_run.rundir.entry import Entry, enter


def main() -> None:
    """Print `won` or the exit code of the refusal."""
    sys.stdin.readline()  # all starters go at once
    try:
        claim, _ = enter(Entry(Path(sys.argv[1]), "--move-aside" in sys.argv, lambda *flags: " ".join(flags)))
    except TsdiaRunError as error:
        print(error.exit_code, flush=True)  # noqa: T201
        return
    print("won", flush=True)  # noqa: T201
    sys.stdin.read()
    claim.close()


if __name__ == "__main__":
    main()
