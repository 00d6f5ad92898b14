"""Choose which process of a run dies next, so that every kind dies in proportion."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from tests.storm.processes import kill, processes

# The share of each kind. A supervisor, rank or launcher ends its attempt, so the others die more often.
SHARES = {"supervisor": 2, "rank": 2, "launcher": 2, "relay": 12, "compressor": 10, "hasher": 5, "stop": 1}
# A hasher only runs at the beginning and at the end of an attempt: it dies when it is seen.
_RARE = "hasher"
_PATIENCE_S = {"launcher": 4.0, "rank": 4.0}
_SHORT_PATIENCE_S = 1.5
# A relay that is killed so soon before or after the supervisor may have no successor.
TOGETHER_S = 3.0


class Victims:
    """Kills one process after another.

    Args:
        numbers: The random numbers of the storm.
        mark: The mark of all its processes.
    """

    def __init__(self, numbers: random.Random, mark: str) -> None:
        self._numbers = numbers
        self._mark = mark
        self.kills: Counter[tuple[str, str]] = Counter()

    def count(self, kind: str) -> int:
        """Return how many processes of a kind were killed."""
        return sum(count for (killed, _), count in self.kills.items() if killed == kind)

    def kill_next(self, command: str, *, spares: set[str], has_launcher: bool) -> str | None:
        """Kill a process of the kind that has died least for its share.

        Args:
            command: The command of tsdia-run that is running.
            spares: The kinds that must live.
            has_launcher: Whether this run has a launcher.

        Returns:
            The kind; None if no process of this kind came up.
        """
        kinds = set(SHARES) - spares - {"stop", _RARE} - (set() if has_launcher else {"launcher"})
        # Sometimes any kind, so that the order stays random.
        order = sorted(kinds, key=lambda kind: (self.count(kind) + self._numbers.random()) / SHARES[kind])
        wanted = order[0] if self._numbers.random() < 0.7 else self._numbers.choice(order)
        return self._kill_when_seen(wanted, command, lambda: True)

    def kill_stop(self, is_running: Callable[[], bool]) -> bool:
        """Kill ``tsdia-run stop`` at a random moment; return whether it was still running."""
        time.sleep(self._numbers.random() * 0.6)
        return self._kill_when_seen("stop", "stop", is_running) is not None

    def _kill_when_seen(self, kind: str, command: str, may_come: Callable[[], bool]) -> str | None:
        end_s = time.monotonic() + _PATIENCE_S.get(kind, _SHORT_PATIENCE_S)
        rare = {_RARE} if self.count(_RARE) / SHARES[_RARE] <= self.count(kind) / SHARES[kind] else set()
        while time.monotonic() < end_s and may_come():
            found = processes(self._mark)
            if not found:
                return None
            pids = sorted(pid for pid, seen in found.items() if seen in {kind, *rare})
            if pids:
                pid = self._numbers.choice(pids)
                time.sleep(self._numbers.choice([0.0, 0.01, 0.1]) * self._numbers.random())
                if kill(pid):
                    self.kills[found[pid], command] += 1
                    return found[pid]
            time.sleep(0.008)
        return None
