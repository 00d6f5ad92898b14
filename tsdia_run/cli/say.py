"""The one way in which tsdia-run itself speaks: standard error, since standard output belongs to the training."""

from __future__ import annotations

import sys
from contextlib import suppress


def say(text: str, *, prefix: str = "tsdia-run: ") -> None:
    """Write a line to standard error; a terminal that is gone is no error."""
    with suppress(OSError, ValueError):
        print(f"{prefix}{text}", file=sys.stderr, flush=True)  # noqa: T201 - the one place that prints
