"""Install the hooks on a module that the script has just imported, such as Accelerate or W&B."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks import kept_modules, session
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wrapping import warn

_WRITERS = ("metrics", "writer_metrics")
_HYPERPARAMETERS = ("summaries", "hyperparameters")
# Of each hooked module: the object to hook (empty: the module itself), the function that hooks it, and the modules of
# this package that have this function, by the name of the hook in the settings.
HOOKS = (
    (
        "accelerate.accelerator",
        "Accelerator",
        "hook_accelerator",
        (
            ("trackers", "tracker_hooks"),
            ("metrics", "log_metrics"),
            ("checkpoints", "checkpoint_hooks"),
            ("summaries", "summaries"),
        ),
    ),
    ("mlflow.tracking.fluent", "", "hook_mlflow", (("metrics", "mlflow_metrics"), _HYPERPARAMETERS)),
    ("tensorboardX.writer", "SummaryWriter", "hook_writer", (("metrics", "writer_metrics"), _HYPERPARAMETERS)),
    (
        "torch.utils.tensorboard.writer",
        "SummaryWriter",
        "hook_writer",
        (("metrics", "writer_metrics"), _HYPERPARAMETERS),
    ),
    ("transformers.trainer", "CallbackHandler", "hook_trainer", (("metrics", "trainer_metrics"), _HYPERPARAMETERS)),
    ("wandb", "", "hook_wandb", (("trackers", "tracker_hooks"), ("metrics", "wandb_metrics"), _HYPERPARAMETERS)),
)


def install(module: ModuleType) -> None:
    """Hook a module that the script has just imported; the bootstrap calls this for the modules that it watches.

    ``Session.hooks`` lists the hooks that are on.
    """
    attempt = session.current()
    if attempt is None:
        return
    try:
        kept_modules.keep()
    except OSError as error:  # the modules are then imported from the files
        warn("modules", error)
    for hooked, target, function, modules in HOOKS:
        if hooked == module.__name__:
            for name, module_name in modules:
                if name in attempt.hooks:
                    _install(name, module_name, function, getattr(module, target) if target else module, attempt)


def _install(name: str, module_name: str, function: str, target: Any, attempt: Session) -> None:
    try:
        hook = importlib.import_module(f"tsdia_run.training.hooks.{module_name}")
        getattr(hook, function)(target, attempt)
        if function == "hook_accelerator":
            RANK.hooked.add(name)
    except Exception as error:  # a hook that fails must not disable the others
        warn(name, error)
