"""Install the hooks on a module that the script has just imported, such as Accelerate or W&B."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType

from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks import kept_modules, session
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wrapping import warn

_ACCELERATE = "accelerate.accelerator"


@dataclass(frozen=True)
class _Hooks:
    """The hooks of a module.

    Attributes:
        function: The function that installs each hook, with the hooked object and the session.
        target: The name of the hooked object in the module; empty for the module itself.
        modules: The name of each hook in the settings, and the module of this package that has the function.
    """

    function: str
    target: str
    modules: tuple[tuple[str, str], ...]


_WRITER = _Hooks("hook_writer", "SummaryWriter", (("metrics", "writer_metrics"), ("summaries", "hyperparameters")))
HOOKS = {
    _ACCELERATE: _Hooks(
        "hook_accelerator",
        "Accelerator",
        (
            ("trackers", "tracker_hooks"),
            ("metrics", "log_metrics"),
            ("checkpoints", "checkpoint_hooks"),
            ("summaries", "summaries"),
        ),
    ),
    "mlflow.tracking.fluent": _Hooks(
        "hook_mlflow", "", (("metrics", "mlflow_metrics"), ("summaries", "hyperparameters"))
    ),
    "tensorboardX.writer": _WRITER,
    "torch.utils.tensorboard.writer": _WRITER,
    "transformers.trainer": _Hooks(
        "hook_trainer", "CallbackHandler", (("metrics", "trainer_metrics"), ("summaries", "hyperparameters"))
    ),
    "wandb": _Hooks(
        "hook_wandb",
        "",
        (("trackers", "tracker_hooks"), ("metrics", "wandb_metrics"), ("summaries", "hyperparameters")),
    ),
}


def install(module: ModuleType) -> None:
    """Hook a module that the script has just imported; the bootstrap calls this for the modules that it watches."""
    attempt = session.current()
    if attempt is None:
        return
    try:
        kept_modules.keep()
    except OSError as error:  # the modules are then imported from the files
        warn("modules", error)
    hooks = HOOKS[module.__name__]
    for name, module_name in hooks.modules:
        if name in attempt.hooks:
            _install(module, hooks, name, module_name, attempt)


def _install(module: ModuleType, hooks: _Hooks, name: str, module_name: str, attempt: Session) -> None:
    try:
        target = getattr(module, hooks.target) if hooks.target else module
        getattr(importlib.import_module(f"tsdia_run.training.hooks.{module_name}"), hooks.function)(target, attempt)
        if module.__name__ == _ACCELERATE:
            RANK.hooked.add(name)
    except Exception as error:  # a hook that fails must not disable the others
        warn(name, error)
