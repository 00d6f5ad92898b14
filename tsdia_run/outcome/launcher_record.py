"""Read how the ranks ended, as recorded by the launcher of several ranks (``attempts/N/ranks.json``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tsdia_run.files.fields import Fields, read_object
from tsdia_run.outcome.classify import RankEnd
from tsdia_run.rundir.layout import AttemptLayout

_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class LauncherRecord:
    """How the ranks ended, as their launcher recorded it.

    Attributes:
        ranks: The endings by rank; empty if the launcher left no record.
        ended_at: When the process of each rank ended, as far as it is known.
        first: The rank that failed first; None if no rank failed without being stopped.
        signal: The signal that stopped the launcher; None if no signal did.
    """

    ranks: Mapping[int, RankEnd]
    ended_at: Mapping[int, datetime]
    first: int | None
    signal: int | None


def read(attempt: AttemptLayout) -> LauncherRecord:
    """Return the launcher's record of an attempt; an empty one if it is missing or can't be read."""
    data = read_object(attempt.launcher_record, _MAX_BYTES)
    ranks = data.get("ranks")
    found, times = {}, {}
    for number, end in ranks.items() if isinstance(ranks, dict) else ():
        if number.isdecimal() and isinstance(end, dict):
            fields = Fields(end, "the end of a rank")
            found[int(number)] = RankEnd(fields.lenient("exit_code", int), fields.lenient("signal", int))
            if at := fields.lenient_time("ended_at"):
                times[int(number)] = at
    fields = Fields(data, "the launcher's record")
    return LauncherRecord(found, times, fields.lenient("first", int), fields.lenient("signal", int))
