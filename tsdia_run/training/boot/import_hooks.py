"""Installs the hooks when the script imports the modules that they hook, and finds tsdia_run for the script."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing typing would cost 10 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    from tsdia_run.training.boot.overwriting import OverwriteGuard

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
# Named, since nothing in this room imports the rest of the package: it is loaded when the script needs it.
_HOOKS = "tsdia_run.training.hooks.install"


class HookFinder:
    """Finds tsdia_run for a script that imports it, and lets the hooks in when the script imports what they hook.

    The script's tsdia_run is the one that started it, whatever its interpreter has installed: both write into one run.
    """

    def __init__(self, warn: Callable[[str], None], guard: OverwriteGuard | None, *, has_hooks: bool) -> None:
        self._warn = warn
        self._hooked = {"accelerate.accelerator", "wandb"} if has_hooks else set()
        # What guards the checkpoints of a resumed run wraps what writes files.
        self._wrappers = dict.fromkeys(guard.writers, guard.wrap) if guard else {}
        self._hooked |= self._wrappers.keys()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """As https://docs.python.org/3/library/importlib.html#importlib.abc.MetaPathFinder has it."""
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
            except Exception as error:  # whatever is missing here, the training goes on
                self._warn(f"no hooks on {module.__name__}: {type(error).__name__}: {error}")

        # On the instance: the loader stays of its own kind, for those who look at it. A loader that was only asked for,
        # to know whether there is such a module, comes to nothing.
        loader.exec_module = execute_and_hook


def _install_hooks(module: ModuleType) -> None:
    import gc
    from importlib import import_module

    # Our imports would wake the collector among all that torch has made: 0.1 s of somebody's start.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        import_module(_HOOKS).install(module)
    finally:
        if was_enabled:
            gc.enable()
