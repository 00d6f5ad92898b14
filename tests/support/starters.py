"""Started as a process of its own: claim a run directory, say so, and hold it until standard input ends."""

from __future__ import annotations

import sys
from pathlib import Path

from tsdia_run.errors import TsdiaRunError
from tsdia_run.rundir.entry import Entry, enter
from tsdia_run.rundir.guard import claim_existing


def main() -> None:
    """Print `won` or the exit code of the refusal."""
    sys.stdin.readline()  # all starters go at once
    run_dir = Path(sys.argv[1])
    try:
        if "--existing" in sys.argv:
            claim = claim_existing(run_dir)
        else:
            claim, _ = enter(Entry(run_dir, "--move-aside" in sys.argv, lambda *flags: " ".join(flags)))
    except TsdiaRunError as error:
        print(error.exit_code, flush=True)  # noqa: T201
        return
    print("won", flush=True)  # noqa: T201
    sys.stdin.read()
    claim.close()


if __name__ == "__main__":
    main()
