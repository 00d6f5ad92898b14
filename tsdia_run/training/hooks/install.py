"""Install the hooks on a module that the script has just imported: Accelerate or W&B."""

from __future__ import annotations

import importlib
from types import ModuleType

from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks import kept_modules, session
from tsdia_run.training.hooks.wrapping import warn

# The name of each hook in the settings, and its module.
_OF_ACCELERATE = (
    ("trackers", "tracker_hooks"),
    ("metrics", "log_metrics"),
    ("checkpoints", "checkpoint_hooks"),
    ("summaries", "summaries"),
)
_OF_WANDB = (("trackers", "tracker_hooks"),)


def install(module: ModuleType) -> None:
    """Hook a module that the script has just imported; the bootstrap calls this for the modules that it watches.

    Each hook is a module of this package with the function ``hook_accelerator(Accelerator, session)`` or
    ``hook_wandb(wandb, session)``; ``Session.hooks`` lists the hooks that are on.
    """
    attempt = session.current()
    if attempt is None:
        return
    try:
        kept_modules.keep()
    except OSError as error:  # the modules are then imported from the files
        warn("modules", error)
    is_wandb = module.__name__ == "wandb"
    for name, module_name in _OF_WANDB if is_wandb else _OF_ACCELERATE:
        if name not in attempt.hooks:
            continue
        try:
            hook = importlib.import_module(f"tsdia_run.training.hooks.{module_name}")
            if is_wandb:
                hook.hook_wandb(module, attempt)
            else:
                hook.hook_accelerator(module.Accelerator, attempt)
                RANK.hooked.add(name)
        except Exception as error:  # a hook that fails must not disable the others
            warn(name, error)
