"""Write hyperparameters.json: what the script passes to a tracker as its config or parameters, without secrets.

A script may pass some values to each of several libraries: the file has all of them, and the newest value of each name.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from tsdia_run.files.atomic import mode_of
from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks import forwarding
from tsdia_run.training.hooks.publishing import publish
from tsdia_run.training.hooks.rank_process import RankProcess
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.tracker_config import KEY, without_secrets
from tsdia_run.training.hooks.wrapping import Steps, wrap

_HOOK = "summaries"
_DEPTH = 20


class Hyperparameters:
    """The hyperparameters of the attempt.

    Attributes:
        process: Whether the current process is a rank.
    """

    def __init__(self, session: Session) -> None:
        self.process = RankProcess()
        self._session = session
        self._values: dict[str, Any] = {}

    def add(self, values: object) -> None:
        """Add values to the file.

        Raises:
            OSError: The file can't be written.
        """
        found = without_secrets(plain(values))
        if not isinstance(found, dict):
            _publish(self._session, found)
        elif {**self._values, **found} != self._values:
            self._values |= found
            _publish(self._session, self._values)

    def add_on_main_rank(self, values: object) -> None:
        """Add values that the script itself passes to a library, if this is the main rank."""
        if values and not forwarding.is_forwarding() and self.process.is_main():
            self.add(values)


def of(session: Session) -> Hyperparameters:
    """Return the hyperparameters of this process: all hooks share them."""
    if Hyperparameters not in RANK.shared:
        RANK.shared[Hyperparameters] = Hyperparameters(session)
    hyperparameters: Hyperparameters = RANK.shared[Hyperparameters]
    return hyperparameters


def hook_wandb(wandb: Any, session: Session) -> None:
    """Hook ``wandb.init`` and W&B's class of configs."""
    add = of(session).add_on_main_rank

    def publish_config(config: Any) -> None:
        # Accelerate's tracker gets the config of the attempt under a key of tsdia-run.
        add({name: value for name, value in config.items() if not (name == KEY and isinstance(value, Mapping))})

    def init(*_: Any, **__: Any) -> Steps:
        run = yield None
        publish_config(run.config)

    def change(config: Any, *_: Any, **__: Any) -> Steps:
        yield None
        publish_config(config)

    wrap(wandb, "init", _HOOK, init)
    for method in ("update", "setdefaults", "__setitem__", "__setattr__"):
        wrap(sys.modules["wandb.sdk.wandb_config"].Config, method, _HOOK, change)


def hook_writer(writer_class: Any, session: Session) -> None:
    """Hook ``SummaryWriter.add_hparams``, of torch or of tensorboardX."""
    add = of(session).add_on_main_rank

    def add_hparams(_writer: Any, hparam_dict: Any, *_: Any, **__: Any) -> Steps:
        add(hparam_dict)
        yield None

    wrap(writer_class, "add_hparams", _HOOK, add_hparams)


def hook_mlflow(fluent: Any, session: Session) -> None:
    """Hook MLflow's functions and the methods of its client that log parameters."""
    add = of(session).add_on_main_rank

    # The functions pass texts to the client.
    def log_param(key: str, value: Any, *_: Any, **__: Any) -> Steps:
        add({key: value})
        with forwarding.forwarding():
            yield None

    def log_params(params: Any, *_: Any, **__: Any) -> Steps:
        add(params)
        with forwarding.forwarding():
            yield None

    def log_param_of_client(_client: Any, run_id: Any, key: str, value: Any, *_: Any, **__: Any) -> Steps:
        add({key: value})
        yield None

    def log_batch(_client: Any, run_id: Any, metrics: Any = (), params: Any = (), *_: Any, **__: Any) -> Steps:
        add({one.key: one.value for one in params})
        yield None

    wrap(fluent, "log_param", _HOOK, log_param)
    wrap(fluent, "log_params", _HOOK, log_params)
    wrap(fluent.MlflowClient, "log_param", _HOOK, log_param_of_client)
    wrap(fluent.MlflowClient, "log_batch", _HOOK, log_batch)


def hook_trainer(handler_class: Any, session: Session) -> None:
    """Hook the class ``CallbackHandler`` of transformers, which gets the ``TrainingArguments``."""
    add = of(session).add_on_main_rank

    def on_train_begin(_handler: Any, args: Any, *_: Any, **__: Any) -> Steps:
        add(args.to_dict())
        yield None

    wrap(handler_class, "on_train_begin", _HOOK, on_train_begin)
    # They forward these arguments, and add the config of the model.
    forwarding.mark_integrations(_HOOK, "on_train_begin", "setup")


def publish_hyperparameters(session: Session, values: object) -> None:
    """Write hyperparameters.json with these values only.

    Raises:
        OSError: The file can't be written.
    """
    _publish(session, without_secrets(plain(values)))


def _publish(session: Session, values: object) -> None:
    data = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    publish(session, "hyperparameters", data.encode("utf-8", "backslashreplace"), mode_of(session.config))


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value for JSON: NaN, and anything but a number, string, list or mapping, becomes a string."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth < _DEPTH:
        if isinstance(value, Mapping):
            return {str(key): plain(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [plain(inner, depth + 1) for inner in value]
        if hasattr(value, "__dict__") and not callable(value) and type(value).__module__ != "builtins":
            return plain(vars(value), depth + 1)  # argparse.Namespace, dataclasses, config objects
    return str(value)
