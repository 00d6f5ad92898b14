"""How each rank ended, from the launcher and from the exit records of the ranks."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from tsdia_run.training.boot.attempt_files import SAFE
from tsdia_run.training.boot.rank_deaths import RankDeaths

# As in the package: an exit record is a few hundred bytes.
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class OwnRecord:
    """The part of a rank's exit record that the launcher needs.

    Attributes:
        exit_code: The exit code of the script; None if a signal ended it.
        ended_at: The time of the end, as a string that sorts by time.
        is_consequence: Whether the rank failed because another rank had ended.
    """

    exit_code: int | None
    ended_at: str
    is_consequence: bool = False


@dataclass
class RankEnds:
    """How the ranks ended. A code is negative for a signal.

    Attributes:
        early: The codes of the ranks that ended before the launcher ended the others.
        final: The codes of all ranks.
        recorded: The exit records of the ranks that wrote one.
        deaths: When the processes of the ranks ended.
        stopped_by: The signal that requested the stop of the launcher.
    """

    early: dict[int, int] = field(default_factory=dict)
    final: dict[int, int] = field(default_factory=dict)
    recorded: Mapping[int, OwnRecord] = field(default_factory=dict)
    deaths: RankDeaths = field(default_factory=RankDeaths)
    stopped_by: int | None = None

    def codes(self) -> dict[int, int]:
        """Return the code of each rank; if the launcher ended a rank that was exiting, its exit record decides."""
        codes = dict(sorted(self.final.items()))
        for rank, record in self.recorded.items():
            if rank in codes and rank not in self.early and record.exit_code is not None:
                codes[rank] = record.exit_code
        return codes

    def first(self) -> int | None:
        """Return the rank that failed first, other than a rank that failed because another one had ended."""
        on_its_own = {*self.early} if self.stopped_by is not None else {*self.early, *self.recorded}
        failed = [rank for rank, code in self.codes().items() if code != 0 and rank in on_its_own]
        return min(failed, key=self._order, default=None)

    def _order(self, rank: int) -> tuple[bool, str, int]:
        """Return the sort key: whether another rank is to blame, and the time of the end.

        An exit record has the earlier time: after it, a rank may still close its trackers. A rank without a record was
        ended by a signal or by ``os._exit``.
        """
        own = self.recorded.get(rank)
        if own is not None:
            return own.is_consequence, own.ended_at, rank
        unknown = "" if self.early.get(rank, 0) < 0 else "~"
        return False, self.deaths.times.get(rank, unknown), rank

    def exit_code(self) -> int:
        """Return the launcher's own exit code."""
        if self.stopped_by is not None:
            return 128 + self.stopped_by
        first = self.first()
        code = 0 if first is None else self.codes()[first]
        return 128 - code if code < 0 else code


def own_record(directory: str, name: str) -> OwnRecord | None:
    """Read a rank's exit record; None if there is no valid record."""
    try:
        with open(os.open(os.path.join(directory, name), os.O_RDONLY | SAFE), "rb") as file:
            record = json.loads(file.read(_MAX_BYTES))
        code = record["exit_code"]
        is_consequence = record.get("is_consequence") is True
        return OwnRecord(None if code is None else int(code), str(record["ended_at"]), is_consequence)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
