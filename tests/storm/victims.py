"""Choose which process of a run dies next, so that every kind dies in proportion."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from tests.storm.processes import kill, processes

# The share of each kind. A supervisor, rank or launcher ends its attempt, so the others die more often.
SHARES = {"supervisor": 2, "rank": 2, "launcher": 2, "relay": 12, "compressor": 10, "hasher": 5, "stop": 1}
# They run for a moment only, so the storm waits for either.
_BRIEF = {"compressor", "hasher"}
_PATIENCE_S = {"launcher": 4.0, "rank": 4.0, "hasher": 4.0}
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
        numbers = self._numbers
        time.sleep(numbers.choice([0.0, 0.02, 0.3, 0.6]) * numbers.random())
        kinds = set(SHARES) - spares - {"stop"} - (set() if has_launcher else {"launcher"})
        order = sorted(kinds, key=lambda kind: self._done(kind) + numbers.random() / SHARES[kind])
        # Sometimes any kind, so that the order stays random.
        wanted = order[0] if numbers.random() < 0.5 else numbers.choices(order, [SHARES[kind] for kind in order])[0]
        either = _BRIEF if wanted in _BRIEF else {wanted}
        return self._kill_when_seen(either, command, _PATIENCE_S.get(wanted, _SHORT_PATIENCE_S))

    def _done(self, kind: str) -> float:
        return self.count(kind) / SHARES[kind]

    def kill_stop(self, is_running: Callable[[], bool]) -> None:
        """Kill ``tsdia-run stop`` at a random moment, if it is still running then."""
        time.sleep(self._numbers.random() * 0.6)
        if is_running():
            self._kill_when_seen({"stop"}, "stop", _SHORT_PATIENCE_S)

    def _kill_when_seen(self, kinds: set[str], command: str, limit_s: float) -> str | None:
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s:
            found = processes(self._mark)
            if not found:
                return None
            pids = sorted(pid for pid, seen in found.items() if seen in kinds)
            if pids:
                pid = self._numbers.choice(pids)
                time.sleep(self._numbers.choice([0.0, 0.01, 0.1]) * self._numbers.random())
                if kill(pid):
                    self.kills[found[pid], command] += 1
                    return found[pid]
            time.sleep(0.008)
        return None
