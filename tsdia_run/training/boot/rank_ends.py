"""How each rank ended, as the launcher saw it and as the rank itself recorded it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class OwnRecord:
    """What a rank's exit record says.

    Attributes:
        exit_code: The code its script ended with; None where a signal ended it.
        ended_at: When, as a text that sorts by time.
    """

    exit_code: int | None
    ended_at: str


@dataclass
class RankEnds:
    """How the ranks ended. Codes are negative for a signal.

    Attributes:
        early: Codes of those that ended by themselves, before the launcher ended the others.
        final: Codes of all.
        said: Their own words, where they left any.
        stopped_by: The signal that asked the launcher to stop.
    """

    early: dict[int, int] = field(default_factory=dict)
    final: dict[int, int] = field(default_factory=dict)
    said: Mapping[int, OwnRecord] = field(default_factory=dict)
    stopped_by: int | None = None

    def codes(self) -> dict[int, int]:
        """How each script ended: a rank that the launcher's signal met while it was going down says it itself."""
        codes = dict(sorted(self.final.items()))
        for rank, said in self.said.items():
            if rank in codes and rank not in self.early and said.exit_code is not None:
                codes[rank] = said.exit_code
        return codes

    def first(self) -> int | None:
        """The rank that failed first; one that a signal ended comes before those that then missed it."""
        by_itself = {*self.early} if self.stopped_by is not None else {*self.early, *self.said}
        failed = [rank for rank, code in self.codes().items() if code != 0 and rank in by_itself]

        def order(rank: int) -> tuple[bool, str, int]:
            return self.early.get(rank, 0) >= 0, self.said[rank].ended_at if rank in self.said else "~", rank

        return min(failed, key=order, default=None)

    def exit_code(self) -> int:
        """The launcher's own exit code."""
        if self.stopped_by is not None:
            return 128 + self.stopped_by
        first = self.first()
        code = 0 if first is None else self.codes()[first]
        return 128 - code if code < 0 else code


def own_record(directory: str, name: str) -> OwnRecord | None:
    """Read a rank's exit record; None where it left none."""
    try:
        record = json.loads(Path(directory, name).read_bytes())
        code = record["exit_code"]
        return OwnRecord(None if code is None else int(code), str(record["ended_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
