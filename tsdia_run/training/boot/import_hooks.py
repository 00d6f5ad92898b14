"""Install the hooks when the script imports a hooked module, and find tsdia_run for the script."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing typing would take 10 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    from tsdia_run.training.boot.overwriting import OverwriteGuard

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
# A name, because ``boot`` does not import the rest of the package: it is loaded when the script needs it.
_HOOKS = "tsdia_run.training.hooks.install"
# The modules that have hooks, as hooks/install.py lists them.
HOOKED = (
    "accelerate.accelerator",
    "mlflow.tracking.fluent",
    "tensorboardX.writer",
    "torch.utils.tensorboard.writer",
    "transformers.trainer",
    "wandb",
)


class HookFinder:
    """Finds tsdia_run for a script that imports it, and installs the hooks when the script imports a hooked module.

    The script gets the tsdia_run that started it, not the version installed in its interpreter: both write into one
    run.
    """

    def __init__(self, warn: Callable[[str], None], guard: OverwriteGuard | None, *, has_hooks: bool) -> None:
        self._warn = warn
        self._hooked = set(HOOKED if has_hooks else ())
        # In a resumed run, the guard wraps the functions that write files.
        self._wrappers = dict.fromkeys(guard.writers, guard.wrap) if guard else {}
        self._hooked |= self._wrappers.keys()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """See https://docs.python.org/3/library/importlib.html#importlib.abc.MetaPathFinder ."""
        if name == "tsdia_run":
            from importlib.util import spec_from_file_location

            init = os.path.join(_PACKAGE, "__init__.py")
            return spec_from_file_location(name, init, submodule_search_locations=[_PACKAGE])
        if name not in self._hooked:
            return None
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((spec for spec in others if spec is not None), None)
        if spec is not None and spec.loader is not None:
            self._hook(spec.loader)
        return spec

    def _hook(self, loader: Any) -> None:
        execute = loader.exec_module

        def execute_and_hook(module: ModuleType) -> None:
            self._hooked.discard(module.__name__)
            execute(module)
            try:
                del loader.exec_module
                self._wrappers.get(module.__name__, _install_hooks)(module)
            except Exception as error:  # the training continues without the hooks
                self._warn(
                    f"warning: hooks for {module.__name__} could not be installed: {type(error).__name__}: {error}"
                )

        # Set on the instance, so that the loader keeps its class for code that inspects it. A caller may request a
        # loader only to check that the module exists; that has no effect.
        loader.exec_module = execute_and_hook


def _install_hooks(module: ModuleType) -> None:
    import gc
    from importlib import import_module

    # The imports would trigger a garbage collection of all objects of torch, which delays the start by 0.1 s.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        import_module(_HOOKS).install(module)
    finally:
        if was_enabled:
            gc.enable()
