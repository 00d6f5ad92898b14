"""Read how the ranks ended, as recorded by the launcher of several ranks (``attempts/N/ranks.json``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tsdia_run.files.fields import read_object
from tsdia_run.outcome.classify import RankEnd
from tsdia_run.rundir.layout import AttemptLayout

_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class LauncherRecord:
    """How the ranks ended, as their launcher recorded it.

    Attributes:
        ranks: The endings by rank; empty if the launcher left no record.
        first: The rank that failed first; None if no rank failed without being stopped.
        signal: The signal that stopped the launcher; None if no signal did.
    """

    ranks: Mapping[int, RankEnd]
    first: int | None
    signal: int | None


def read(attempt: AttemptLayout) -> LauncherRecord:
    """Return the launcher's record of an attempt; an empty one if it is missing or can't be read."""
    data = read_object(attempt.launcher_record, _MAX_BYTES)
    ranks = data.get("ranks")
    found = {}
    for number, end in ranks.items() if isinstance(ranks, dict) else ():
        if number.isdecimal() and isinstance(end, dict):
            found[int(number)] = RankEnd(_integer(end.get("exit_code")), _integer(end.get("signal")))
    return LauncherRecord(found, _integer(data.get("first")), _integer(data.get("signal")))


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
