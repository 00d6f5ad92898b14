"""Choose the Python interpreter of the training, and find the version of its Accelerate."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tsdia_run.errors.launching import InterpreterFails, NoInterpreter
from tsdia_run.files.fields import beginning_of

_PROBE_TIMEOUT_S = 60.0
# Run in another interpreter: it only finds the package, so that nothing heavy is imported. With `-c`, Python would look
# for modules in the working directory first, where another user may have put a `json.py`.
_PROBE = """
import sys
if sys.path[0] == "":
    del sys.path[0]
import importlib.util, json
spec = importlib.util.find_spec("accelerate")
json.dump({"accelerate": spec.origin if spec else None}, sys.stdout)
"""
_VERSION = re.compile(r"^__version__\s*=\s*[\"']([^\"']+)[\"']", re.MULTILINE)


@dataclass(frozen=True)
class Interpreter:
    """An interpreter for the training.

    Attributes:
        path: Its path, as it will be started; symlinks are kept, since they select a virtual environment.
        origin: Why it was chosen, as text for users.
    """

    path: str
    origin: str

    @property
    def is_ours(self) -> bool:
        """Whether tsdia-run runs under this interpreter."""
        return self.path == sys.executable


def choose(requested: str | None, environ: Mapping[str, str], cwd: Path) -> Interpreter:
    """Return the requested interpreter, else the active environment's, else tsdia-run's own.

    Raises:
        NotFoundError: The requested interpreter does not exist.
    """
    if requested is not None:
        expanded = os.path.expanduser(requested)
        path = shutil.which(
            expanded if os.sep not in expanded else os.path.join(cwd, expanded), path=environ.get("PATH")
        )
        if path is None:
            raise NoInterpreter(requested)
        return Interpreter(os.path.abspath(path), "as set")
    for variable, what in (
        ("VIRTUAL_ENV", "the active virtual environment"),
        ("CONDA_PREFIX", "the conda environment"),
    ):
        folder = environ.get(variable)
        path = os.path.join(folder, "bin", "python") if folder else ""
        if path and os.access(path, os.X_OK):
            return Interpreter(_as_ours(path), what)
    return Interpreter(sys.executable, "tsdia-run's own")


def _as_ours(path: str) -> str:
    """Return one path for one interpreter: ``bin/python`` and ``bin/python3`` may both be tsdia-run's own."""
    same_folder = os.path.dirname(path) == os.path.dirname(sys.executable)
    return sys.executable if same_folder and os.path.samefile(path, sys.executable) else path


def accelerate_version(interpreter: Interpreter, environ: Mapping[str, str], cwd: Path) -> tuple[int, ...] | None:
    """Return the version of Accelerate that the interpreter would import; None if it has no Accelerate.

    Raises:
        ConfigError: The interpreter does not run.
    """
    if interpreter.is_ours:
        spec = importlib.util.find_spec("accelerate")
        origin = spec.origin if spec else None
    else:
        origin = _ask(interpreter, environ, cwd)
    if not origin:
        return None
    match = _VERSION.search(beginning_of(Path(origin)))
    return tuple(int(part) for part in re.findall(r"\d+", match.group(1))[:3]) if match else ()


def _ask(interpreter: Interpreter, environ: Mapping[str, str], cwd: Path) -> str | None:
    try:
        answer = subprocess.run(
            [interpreter.path, "-c", _PROBE],
            env=dict(environ),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            check=True,
        ).stdout
        origin = json.loads(answer)["accelerate"]
        return origin if isinstance(origin, str) else None
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        output = getattr(error, "stderr", b"") or b""
        last = output.decode("utf-8", "replace").strip().splitlines()[-1:] or [str(error)]
        raise InterpreterFails(
            f"the interpreter {interpreter.path} ({interpreter.origin}) does not run: {last[0]}"
        ) from error
