"""The API for scripts that need more than the hooks: ``tsdia_run.current_run()``. docs/helper.md shows examples.

It also works in a script that tsdia-run did not start. Then the config that the script passes names the run directory
and the checkpoint to resume from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsdia_run import config as configs
from tsdia_run.checkpoints import judge, read_name
from tsdia_run.config import keys
from tsdia_run.errors import UnusableCheckpointError
from tsdia_run.files.opening import touch
from tsdia_run.training.api import named_saves
from tsdia_run.training.api.stop_signal import StopSignal
from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks import hyperparameters, session, summaries
from tsdia_run.training.hooks.log_metrics import confirm
from tsdia_run.training.hooks.pruning import Metric, metric_in
from tsdia_run.training.hooks.session import Session

_VALIDATION = ("val_", "val/", "eval_", "eval/", "validation_", "validation/")


@dataclass(frozen=True)
class Resumed:
    """The epoch and step of a loaded checkpoint; None if unknown."""

    epoch: int | None
    step: int | None


class CurrentRun:
    """The run of this process.

    Attributes:
        dir: The run directory.
        name: The run's name.
        config: The config as plain data; empty if there is no config.
        attempt: The attempt's number; 0 without tsdia-run.
        checkpoint: The checkpoint to resume from; None if the run trains from the start.
    """

    def __init__(self, found: Session, values: Mapping[str, Any]) -> None:
        self._session = found
        self.dir = found.layout.root
        self.name = found.name
        self.config = dict(values)
        self.attempt = found.number
        self.checkpoint = found.checkpoint
        self._stop: StopSignal | None = None

    def save_checkpoint(
        self, accelerator: Any, *, epoch: int, step: int, metrics: Mapping[str, float] | None = None
    ) -> Path:
        """Save ``checkpoint-epochE-stepS`` into the run directory; every rank calls this.

        The directory gets its name once the checkpoint is complete. The config's ``checkpoint`` and ``validation``
        sections set how many checkpoints are kept (``save_total_limit``) and which one is the best
        (``metric_for_best_model``, ``greater_is_better``). ``best_checkpoint`` links to the best one.

        Args:
            accelerator: The ``Accelerator``.
            epoch: The epoch.
            step: The step.
            metrics: The metrics that select the best checkpoint.

        Returns:
            The path of the checkpoint.

        Raises:
            OSError: The checkpoint can't be written.
        """
        saved = named_saves.save(
            self._session,
            accelerator,
            epoch=epoch,
            step=step,
            metrics=metrics or {},
            is_hooked="checkpoints" in RANK.hooked,
        )
        if accelerator.is_main_process:
            named_saves.keep_best_and_newest(self._session, self._limit(), self._metric())
        return saved

    def resume(self, accelerator: Any) -> Resumed | None:
        """Load the checkpoint that the run resumes from; every rank calls this, after ``prepare``.

        Returns:
            Its epoch and step; None if there is no checkpoint to resume from.

        Raises:
            UnusableCheckpointError: The checkpoint is incomplete or damaged. Nothing was loaded.
        """
        if self.checkpoint is None:
            return None
        verdict = judge(self.checkpoint, hashed="checkpoints" not in RANK.hooked)
        if not verdict.is_usable:
            raise UnusableCheckpointError(
                f"{self.checkpoint} is {verdict.state.value}: {verdict.reason}. Nothing was loaded."
            )
        accelerator.load_state(str(self.checkpoint))
        named, sealed = read_name(self.checkpoint), verdict.manifest
        return Resumed(
            epoch=named.epoch if named and named.epoch is not None else sealed.epoch if sealed else None,
            step=named.step if named and named.step is not None else sealed.step if sealed else None,
        )

    def log_validation(self, accelerator: Any, values: Mapping[str, Any], *, step: int | None = None) -> None:
        """Log validation metrics to all trackers, and print a line once they are logged.

        Args:
            accelerator: The ``Accelerator``.
            values: The metrics. ``loss`` becomes ``val_loss``; names that already start with such a prefix are kept.
            step: The step.
        """
        named = {name if name.startswith(_VALIDATION) else f"val_{name}": value for name, value in values.items()}
        accelerator.log(named, step=step)
        if accelerator.is_main_process and accelerator.trackers and "metrics" not in RANK.hooked:
            confirm(step)

    def save_hyperparameters(self, values: Any) -> None:
        """Write ``hyperparameters.json``; one rank calls this."""
        self._make_attempt_folder()
        hyperparameters.publish_hyperparameters(self._session, values)

    def save_model_summary(self, model: Any) -> None:
        """Write ``model_summary.txt``: the modules and their parameters; no forward pass; one rank calls this."""
        self._make_attempt_folder()
        summaries.publish_models(self._session, [model])

    @property
    def stop_requested(self) -> bool:
        """Whether a stop was requested: by SIGTERM, Ctrl-C, ``tsdia-run stop`` or a time limit.

        All ranks get the same answer, so every rank must read this at the same places. After the first read, the first
        signal no longer ends the script.
        """
        if self._stop is None:
            self._stop = StopSignal(self._session.attempt)
        return self._stop.is_requested()

    def _make_attempt_folder(self) -> None:
        self._session.attempt.root.mkdir(parents=True, exist_ok=True)

    def _section(self, key: str) -> Any:
        for path in keys.CHECKPOINT_SECTIONS:
            section: Any = self.config
            for part in path.split("."):
                section = section.get(part) if isinstance(section, Mapping) else None
            if isinstance(section, Mapping) and section.get(key) is not None:
                return section[key]
        return None

    def _limit(self) -> int | None:
        limit = self._section("save_total_limit")
        return limit if isinstance(limit, int) and limit > 0 else None

    def _metric(self) -> Metric | None:
        return metric_in(self.config)


def current_run(config: str | Path | None = None) -> CurrentRun:
    """Return the run of this process.

    Args:
        config: The script's config, used only if tsdia-run did not start the script: it contains the run directory and
            the checkpoint to resume from.

    Raises:
        TsdiaRunError: The config can't be read.
    """
    found = session.current()
    path = found.config if found else Path(config) if config is not None else None
    document = configs.read(path) if path else None
    if found is None:
        found = session.outside(path, document)
        found.layout.root.mkdir(parents=True, exist_ok=True)
    elif os.environ.get("RANK", "0") == "0":
        with suppress(OSError):  # a full disk must not end the training
            # The file shows a later resume that the script gets the checkpoint from this API.
            touch(found.layout.helper)
    return CurrentRun(found, document.plain() if document else {})
