"""Detect Hydra apps from the source of the script: they read Hydra overrides and accept no ``--config``."""

from __future__ import annotations

import ast
from pathlib import Path

from tsdia_run.errors import TsdiaRunError
from tsdia_run.files.fields import read_bounded
from tsdia_run.launch import command
from tsdia_run.settings import Settings

_MAX_SCRIPT_BYTES = 1024 * 1024
# The modules of the decorators; those of NeMo and hydra-zen read the same kind of command line.
_MODULES = {"hydra": "main", "hydra.main": "main", "hydra_zen": "hydra_main", "nemo.core.config": "hydra_runner"}
_ATTRIBUTES = ("hydra_main", "hydra_runner")


def takes_overrides(settings: Settings, cwd: Path) -> bool:
    """Return whether the entrypoint uses ``hydra.main``, under any name. The script is read, never run or imported."""
    path = _file(settings, cwd)
    try:
        data = read_bounded(path, _MAX_SCRIPT_BYTES) if path else b""
        return b"hydra" in data and _uses_hydra(ast.parse(data))
    except (OSError, ValueError, SyntaxError, RecursionError):
        return False


def _file(settings: Settings, cwd: Path) -> Path | None:
    if settings.module is None:
        try:
            return command.entrypoint_path(settings, cwd)
        except TsdiaRunError:
            return None
    place = cwd.joinpath(*settings.module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__main__.py") if path.is_file()), None)


def _uses_hydra(tree: ast.Module) -> bool:
    modules, functions = _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in functions and isinstance(node.ctx, ast.Load):
            return True
        if isinstance(node, ast.Attribute):
            is_main = node.attr == "main" and isinstance(node.value, ast.Name) and node.value.id in modules
            if is_main or node.attr in _ATTRIBUTES:
                return True
    return False


def _imported(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Return the names that the script uses for Hydra modules and for their decorators."""
    modules, functions = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "hydra":
                    modules.add(alias.asname or "hydra")
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module in _MODULES:
            for alias in node.names:
                if alias.name in (_MODULES[node.module], "*"):
                    functions.add(alias.asname or _MODULES[node.module])
    return modules, functions
