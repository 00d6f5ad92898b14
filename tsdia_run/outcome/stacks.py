"""Find where a rank was when it wrote its stack traces, in the format of Python's faulthandler."""

from __future__ import annotations

import re

from tsdia_run.files.fields import read_bounded
from tsdia_run.outcome.traceback_text import user_line
from tsdia_run.rundir.layout import AttemptLayout
from tsdia_run.text import visible

_MAX_BYTES = 1024 * 1024
_THREAD = re.compile(r"^(?:Current thread|Thread) 0x", re.MULTILINE)
_FRAME = re.compile(r'^ +File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<function>.+)$', re.MULTILINE)


def places(attempt: AttemptLayout, ranks: set[int]) -> dict[int, str]:
    """Return the innermost line of the user's own code in the main thread of each rank that wrote its stacks."""
    found = {rank: _place(attempt, rank) for rank in sorted(ranks)}
    return {rank: place for rank, place in found.items() if place is not None}


def _place(attempt: AttemptLayout, rank: int) -> str | None:
    try:
        text = read_bounded(attempt.stacks(rank), _MAX_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return None
    main = _THREAD.split(text)[-1]  # faulthandler writes the oldest thread last
    for frame in _FRAME.finditer(main):
        place = user_line(frame["file"], frame["line"])
        if place is not None:
            function = frame["function"]
            return visible(place if function == "<module>" else f"{place} ({function})")
    return None
