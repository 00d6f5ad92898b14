"""The one way in which tsdia-run itself speaks: standard error, since standard output belongs to the training."""

from __future__ import annotations

import sys
from contextlib import suppress

from tsdia_run.text import visible_lines


def say(text: str, *, prefix: str = "tsdia-run: ") -> None:
    """Write a line to standard error, without control characters; a terminal that is gone is no error."""
    with suppress(OSError, ValueError):
        print(f"{prefix}{visible_lines(text)}", file=sys.stderr, flush=True)  # noqa: T201 - the one place that prints
