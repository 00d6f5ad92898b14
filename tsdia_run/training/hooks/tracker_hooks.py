"""Give the complete config to every tracker of Accelerate, and use one W&B run for all attempts of a run."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from tsdia_run.errors import DamagedRunError
from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks import tracker_config
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.tracker_config import TrackerConfig
from tsdia_run.training.hooks.wandb_run import hook_wandb
from tsdia_run.training.hooks.wrapping import Call, Steps, warn, wrap

__all__ = ["hook_accelerator", "hook_wandb"]

_NESTED = frozenset({"wandb", "trackio", "swanlab", "clearml", "comet_ml"})
_FLAT = frozenset({"tensorboard", "mlflow", "aim", "dvclive"})
# https://mlflow.org/docs/latest/python_api/mlflow.html#mlflow.log_param
_NOT_IN_MLFLOW = re.compile(r"[^\w\-. :/]")


def hook_accelerator(accelerator_class: Any, session: Session) -> None:
    """Hook the class ``accelerate.Accelerator``, and the trackers that it knows."""

    @cache
    def shared_config() -> TrackerConfig:
        return tracker_config.read(session.config)

    def init_trackers(
        accelerator: Any, project_name: str, config: Any = None, init_kwargs: Any = None, **more: Any
    ) -> Steps:
        if not accelerator.is_main_process:
            return
        # Without a config, Accelerate stores none in any tracker. The script's own tracker may not expect a config.
        known = [str(one) for one in accelerator.log_with]
        if config is None and shared_config().values and all(one in _NESTED | _FLAT for one in known):
            config = {}
        # Accelerate 0.26 calls `get` of init_kwargs.
        call = Call((accelerator, project_name, config, _with_purge_step(init_kwargs or {}, known, session)), more)
        RANK.is_accelerates_turn = True
        try:
            yield call
        finally:
            RANK.is_accelerates_turn = False
        text = shared_config().text
        if text is not None:
            for tracker in accelerator.trackers:
                _keep_text(tracker, text, session)

    def store_init_configuration(tracker: Any, given: Mapping[str, Any]) -> Steps:
        has_config = tracker.name == "wandb" and tracker.run.id in RANK.configured_runs
        merged = dict(given) if has_config else {**shared_config().values, **given}
        if tracker.name in _FLAT:
            merged = tracker_config.flat(merged)
        if tracker.name == "mlflow":
            merged = {_NOT_IN_MLFLOW.sub("_", name): value for name, value in merged.items()}
        yield Call((tracker, merged))

    wrap(accelerator_class, "init_trackers", "trackers", init_trackers)
    known = sys.modules["accelerate.tracking"].LOGGER_TYPE_TO_CLASS.values()
    for tracker_class in {one for one in known if one.name in _NESTED | _FLAT}:
        wrap(tracker_class, "store_init_configuration", "trackers", store_init_configuration)


def _with_purge_step(init_kwargs: Any, known: list[str], session: Session) -> Any:
    """Add the step from which TensorBoard discards the values of earlier attempts."""
    if session.checkpoint is None or "tensorboard" not in known:
        return init_kwargs
    from tsdia_run.checkpoints import files, manifest, read_name

    named = read_name(session.checkpoint)
    try:
        written = manifest.read(files.sealed_folder(session.checkpoint))
    except DamagedRunError:
        written = None
    step = written.step if written and written.step is not None else named.step if named else None
    if step is None:
        return init_kwargs
    of_tensorboard = {"purge_step": step + 1, **init_kwargs.get("tensorboard", {})}
    return {**init_kwargs, "tensorboard": of_tensorboard}


def _keep_text(tracker: Any, text: str, session: Session) -> None:
    """Store the text of the config in a tracker that accepts a text or a file."""
    try:
        if tracker.name == "tensorboard":
            tracker.writer.add_text("config.yml", "\n".join(f"    {line}" for line in text.splitlines()))
        elif tracker.name == "wandb":
            tracker.run.save(str(session.config), base_path=str(session.attempt.root), policy="now")
        elif tracker.name == "mlflow":
            sys.modules["mlflow"].log_text(text, "config.yml")
    except Exception as error:  # any tracker may fail; the others still get the text
        warn("trackers", error)
