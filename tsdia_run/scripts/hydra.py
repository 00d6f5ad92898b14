"""Detect Hydra apps from the source of a script: they read Hydra overrides and accept no ``--config``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tsdia_run import config
from tsdia_run.config.usual_names import RESUME_NAMES, RUN_DIR_NAMES, is_in_section
from tsdia_run.errors import TsdiaRunError
from tsdia_run.files.fields import read_bounded
from tsdia_run.scripts.syntax import MAX_BYTES, PythonFile, constant, keywords, parsed

if TYPE_CHECKING:
    from tsdia_run.scripts.script_option import Option

# The modules of the decorators; those of NeMo and hydra-zen read the same kind of command line.
_MODULES = {"hydra": "main", "hydra.main": "main", "hydra_zen": "hydra_main", "nemo.core.config": "hydra_runner"}
_ATTRIBUTES = ("hydra_main", "hydra_runner")


def takes_overrides(script: Path | None) -> bool:
    """Return whether a script uses ``hydra.main``, under any name. The script is read, never run or imported."""
    try:
        data = read_bounded(script, MAX_BYTES) if script else b""
    except (OSError, ValueError):
        return False
    tree = parsed(data) if b"hydra" in data else None
    return tree is not None and main_of(tree) is not None


def main_of(tree: ast.Module) -> ast.expr | None:
    """Return the first use of ``hydra.main`` or a similar decorator: the call, or the name; None if there is none."""
    modules, functions = _imported(tree)
    uses = [node for node in ast.walk(tree) if _is_main(node, modules, functions)]
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.func in uses)
    return next(calls, None) or next((node for node in uses if isinstance(node, ast.expr)), None)


def _is_main(node: ast.AST, modules: set[str], functions: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in functions and isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Attribute):
        is_main = node.attr == "main" and isinstance(node.value, ast.Name) and node.value.id in modules
        return is_main or node.attr in _ATTRIBUTES
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


def keys(source: PythonFile, main: ast.expr) -> Iterator[Option]:
    """Yield the keys of the app's own config that may name the output directory or a checkpoint, as overrides.

    Args:
        source: The script.
        main: Its use of ``hydra.main``.
    """
    from tsdia_run.scripts.script_option import Option, Place  # not every start needs it

    words = keywords(main) if isinstance(main, ast.Call) else {}
    folder, name = constant(words.get("config_path")), constant(words.get("config_name"))
    if not isinstance(name, str):
        return
    stem = source.path.parent / (folder if isinstance(folder, str) else ".") / name
    file = next((path for path in (stem, Path(f"{stem}.yaml"), Path(f"{stem}.yml")) if path.is_file()), None)
    try:
        document = config.read(file) if file else None
    except TsdiaRunError:
        return
    for key, value in document.scalars() if document else ():
        if key.rpartition(".")[2] in (*RUN_DIR_NAMES, *RESUME_NAMES) and is_in_section(key):
            is_computed = isinstance(value.plain, str) and "${" in value.plain
            if not is_computed:
                shown = str(Path(source.shown).parent / Path(value.place.source).relative_to(source.path.parent))
                yield Option(key, f"{key}=", Place(shown, value.place.line), default=value.plain)
