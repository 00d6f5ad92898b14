"""Claim a run directory in a separate process, print a line, and keep the claim until standard input ends."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tsdia_run.claim.acquire import Entry, enter
from tsdia_run.claim.guard import claim_existing
from tsdia_run.errors import TsdiaRunError

_NOTICE_S = 0.1


def race(starters: Sequence[subprocess.Popen[str]]) -> list[str]:
    """Let all starters go at once, when all are ready; return the answer of each."""
    for starter in starters:
        assert _line(starter) == "ready"
    go_s = time.monotonic() + _NOTICE_S
    for starter in starters:
        assert starter.stdin
        starter.stdin.write(f"{go_s}\n")
        starter.stdin.flush()
    return [_line(starter) for starter in starters]


def _line(starter: subprocess.Popen[str]) -> str:
    assert starter.stdout
    return starter.stdout.readline().strip()


def main() -> None:
    """Print `ready`, and after the race `won` or the exit code of the refusal."""
    print("ready", flush=True)  # noqa: T201
    go_s = float(sys.stdin.readline())
    while time.monotonic() < go_s:
        pass  # more processes than cores, so that the scheduler interrupts at any point
    run_dir = Path(sys.argv[1])
    try:
        if "--existing" in sys.argv:
            claim = claim_existing(run_dir)
        else:
            claim, _ = enter(Entry(run_dir, "--move-aside" in sys.argv))
    except TsdiaRunError as error:
        print(error.exit_code, flush=True)  # noqa: T201
        return
    print("won", flush=True)  # noqa: T201
    sys.stdin.read()
    claim.close()


if __name__ == "__main__":
    main()
