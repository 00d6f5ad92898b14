"""The helper for scripts that want more than the hooks give: ``tsdia_run.current_run()``. docs/helper.md shows it.

It works the same in a script that tsdia-run did not start: then the run directory and the checkpoint to resume from
come from the config that the script names.
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
from tsdia_run.errors import TornCheckpointError
from tsdia_run.training.api import named_saves
from tsdia_run.training.api.stop_signal import StopSignal
from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks import session, summaries
from tsdia_run.training.hooks.log_metrics import confirm
from tsdia_run.training.hooks.pruning import Metric, metric_in
from tsdia_run.training.hooks.session import Session

_VALIDATION = ("val_", "val/", "eval_", "eval/", "validation_", "validation/")


@dataclass(frozen=True)
class Resumed:
    """Where a checkpoint was saved: its epoch and step, as far as known."""

    epoch: int | None
    step: int | None


class CurrentRun:
    """The run that this process is a rank of.

    Attributes:
        dir: The run directory.
        name: The run's name.
        config: The config as plain data; empty where there is none.
        attempt: The attempt's number; 0 outside of tsdia-run.
        checkpoint: What to resume from; None from the start.
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

        The directory appears under its name when it is whole. ``save_total_limit`` and the best one
        (``metric_for_best_model``, ``greater_is_better``) are kept as the config's ``checkpoint`` and ``validation``
        sections say; ``best_checkpoint`` leads to the best one.

        Args:
            accelerator: The ``Accelerator``.
            epoch: The epoch.
            step: The step.
            metrics: What the checkpoint is compared by.

        Returns:
            The checkpoint.

        Raises:
            OSError: The file system refused.
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
            Its epoch and step; None where there is nothing to resume from.

        Raises:
            TornCheckpointError: It is damaged; nothing was loaded.
        """
        if self.checkpoint is None:
            return None
        verdict = judge(self.checkpoint, hashed="checkpoints" not in RANK.hooked)
        if not verdict.is_usable:
            raise TornCheckpointError(f"{self.checkpoint} is unusable: {verdict.reason}. Nothing was loaded.")
        accelerator.load_state(str(self.checkpoint))
        named, written = read_name(self.checkpoint), verdict.manifest
        return Resumed(
            epoch=named.epoch if named and named.epoch is not None else written.epoch if written else None,
            step=named.step if named and named.step is not None else written.step if written else None,
        )

    def log_validation(self, accelerator: Any, values: Mapping[str, Any], *, step: int | None = None) -> None:
        """Log validation metrics to all trackers, and say so when they have them.

        Args:
            accelerator: The ``Accelerator``.
            values: The metrics; ``loss`` becomes ``val_loss``, a name that says so already stays.
            step: The step.
        """
        named = {name if name.startswith(_VALIDATION) else f"val_{name}": value for name, value in values.items()}
        accelerator.log(named, step=step)
        if accelerator.is_main_process and accelerator.trackers and "metrics" not in RANK.hooked:
            confirm(step)

    def save_hyperparameters(self, values: Any) -> None:
        """Write ``hyperparameters.json``; on one rank."""
        self._made()
        summaries.publish_hyperparameters(self._session, values)

    def save_model_summary(self, model: Any) -> None:
        """Write ``model_summary.txt``: the tree of modules with their parameters; no forward pass. On one rank."""
        self._made()
        summaries.publish_models(self._session, [model])

    @property
    def stop_requested(self) -> bool:
        """Whether the training was asked to stop: by SIGTERM, Ctrl-C, ``tsdia-run stop`` or a time limit.

        All ranks get the same answer, so each of them must ask at the same places. From the first look on, the first
        signal no longer ends the script.
        """
        if self._stop is None:
            self._stop = StopSignal(self._session.attempt.stop)
        return self._stop.is_made()

    def _made(self) -> None:
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
    """The run that this process belongs to.

    Args:
        config: The config of the script, for when it was not started by tsdia-run: the run directory and the checkpoint
            to resume from are read from it. Under tsdia-run it is not looked at.

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
        with suppress(OSError):  # a full disk is no reason to end a training
            # A resume then knows that the script asks for its checkpoint itself.
            found.layout.helper.touch()
    return CurrentRun(found, document.plain() if document else {})
