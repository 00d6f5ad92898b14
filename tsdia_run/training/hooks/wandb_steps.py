"""The steps of what a script logs with W&B: its own, those of a step metric, or those that W&B counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from tsdia_run.rundir.metrics_tail import last_step
from tsdia_run.training.hooks.session import Session

# Values, the step that the script passed, and the step that W&B counts.
Group = tuple[Mapping[str, float], int | None, int | None]


class ResumedCount:
    """Where W&B's count of steps continues in a resumed attempt.

    W&B counts the calls of a script that passes no step. It starts again at 0, or after the last step that it has. The
    training continues from its checkpoint, so the count continues from the step of that time: the later values of the
    earlier attempts are then superseded.

    Args:
        session: The attempt.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._is_open = session.number > 0 and session.checkpoint is not None

    def step(self, names: Set[str], default: int) -> int:
        """Return the first step, the first time; then ``default``.

        Args:
            names: The metrics that are logged.
            default: The step that W&B starts from.
        """
        checkpoint = self._session.checkpoint
        if not self._is_open or checkpoint is None:
            return default
        self._is_open = False
        from tsdia_run.checkpoints import files

        saved_at = files.saved_at(checkpoint)
        if saved_at is None:
            return default
        path, until_s = self._session.layout.metrics, saved_at.timestamp()
        found = last_step(path, names, until_s)
        if found is None:  # other metrics than before
            found = last_step(path, None, until_s)
        return default if found is None else found + 1


class RunSteps:
    """The steps of one W&B run.

    Args:
        start: The step that W&B starts from.
        resumed: Where its count continues in a resumed attempt.
    """

    def __init__(self, start: int, resumed: ResumedCount) -> None:
        self._start = start
        self._resumed = resumed
        self._next: int | None = None
        # The step metric of each name, and of each name that ends with `*`.
        self._defined: dict[str, str] = {}
        self._newest: dict[str, float] = {}

    def define(self, name: str, step_metric: str) -> None:
        """Record a call of ``define_metric``."""
        self._defined[name] = step_metric

    def logged(self, values: Mapping[str, float], step: Any, commit: bool | None) -> Iterator[Group]:
        """Count a call of ``log``, and yield its values by their steps."""
        if step is None and self._next is None:
            self._next = self._resumed.step(values.keys(), self._start)
        count = max(self._next or 0, 0 if step is None else int(step))
        # As W&B counts: https://docs.wandb.ai/models/track/log .
        self._next = count + 1 if commit or (step is None and commit is None) else count
        if not self._defined:
            if values:
                yield values, step, count
            return
        self._newest |= {name: values[name] for name in set(self._defined.values()) & values.keys()}
        groups: dict[int | None, dict[str, float]] = {}
        for name, value in values.items():
            groups.setdefault(self._own_step(name), {})[name] = value
        for own, group in groups.items():
            yield group, step if own is None else own, count

    def _own_step(self, name: str) -> int | None:
        """Return the newest value of the step metric of a metric; None without one, or if it is not an integer."""
        metric = name if name in self._newest else self._step_metric(name)
        value = self._newest.get(metric) if metric else None
        return int(value) if value is not None and value == value // 1 else None

    def _step_metric(self, name: str) -> str | None:
        if name in self._defined:
            return self._defined[name]
        globs = [one for one in self._defined if one.endswith("*") and name.startswith(one[:-1])]
        return self._defined[max(globs, key=len)] if globs else None
