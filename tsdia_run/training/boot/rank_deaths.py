"""Record when each rank's process ends; torch looks at all of them only a few times per second."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from threading import Thread

# The thread needs a moment after the last end. It would wait longer only for a rank that torch could not end.
_LIMIT_S = 1.0


class RankDeaths:
    """The times at which the processes of the ranks have ended."""

    def __init__(self) -> None:
        self._times: dict[int, str] = {}
        self._watching: Thread | None = None

    def finish(self) -> None:
        """Wait until the last end is recorded."""
        if self._watching is not None:
            self._watching.join(_LIMIT_S)

    @property
    def times(self) -> Mapping[int, str]:
        """The time of each end, by rank: ISO 8601, UTC, as in an exit record."""
        return self._times

    def watch(self, pids: Mapping[int, int]) -> None:
        """Watch the processes of a new group of ranks, by rank."""
        self._times = {}
        poll, ranks = select.poll(), {}
        for rank, pid in pids.items():
            with suppress(OSError):  # it has ended and was reaped
                fd = os.pidfd_open(pid)
                ranks[fd] = rank
                poll.register(fd, select.POLLIN)
        self._watching = Thread(target=_wait, args=(poll, ranks, self._times), name="rank-deaths", daemon=True)
        self._watching.start()


def _wait(poll: select.poll, ranks: dict[int, int], times: dict[int, str]) -> None:
    while ranks:
        for fd, _ in poll.poll():
            times[ranks.pop(fd)] = datetime.now(timezone.utc).isoformat(timespec="microseconds")
            poll.unregister(fd)
            os.close(fd)
