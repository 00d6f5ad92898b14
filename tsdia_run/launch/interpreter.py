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
from tsdia_run.errors.typed import UntrustedEnvironment
from tsdia_run.files.fields import beginning_of
from tsdia_run.files.ownership import Trust
from tsdia_run.rundir import env

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
_VENV = ".venv"
_PROJECT_MARKERS = ((".git",), ("tsdia-run.yml", "pyproject.toml"))
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


_OWN = Interpreter(sys.executable, "tsdia-run's own")


def choose(requested: str | None, environ: Mapping[str, str], cwd: Path, script: str | None = None) -> Interpreter:
    """Return the requested interpreter, else the active environment's, else tsdia-run's own.

    Args:
        requested: The setting ``python``.
        environ: The user's environment.
        cwd: The base of relative paths.
        script: The script; the project's ``.venv`` may be above it.

    Raises:
        NotFoundError: The requested interpreter does not exist.
        UntrustedEnvironment: Another user could have written the project's ``.venv``.
    """
    if requested is not None:
        expanded = os.path.expanduser(requested)
        path = shutil.which(
            expanded if os.sep not in expanded else os.path.join(cwd, expanded), path=environ.get("PATH")
        )
        if path is None:
            raise NoInterpreter(requested)
        return Interpreter(_as_ours(os.path.abspath(path)), "as set")
    return active(environ, cwd, script) or _OWN


def active(environ: Mapping[str, str], cwd: Path, script: str | None = None) -> Interpreter | None:
    """Return the interpreter of the active environment; without one, that of the project's ``.venv``, or None.

    conda activates its base environment in every shell, so a ``.venv`` comes before it.

    Raises:
        UntrustedEnvironment: Another user could have written the project's ``.venv``.
    """
    conda = _in_folder(environ.get("CONDA_PREFIX"), "the conda environment")
    is_base = environ.get("CONDA_DEFAULT_ENV") == "base"
    return (
        _in_folder(environ.get("VIRTUAL_ENV"), "the active virtual environment")
        or (None if is_base else conda)
        or _of_project(environ, cwd, script)
        or conda
    )


def find_program(name: str, environ: Mapping[str, str], cwd: Path) -> str | None:
    """Return the path of a program, such as ``python`` or ``torchrun``; None if there is none.

    A path is used as it is. A name is searched in the active environment, which may be the project's ``.venv``, and on
    the PATH. If no environment is active and tsdia-run is installed in a training environment, that one comes first.
    """
    expanded = os.path.expanduser(name)
    if os.sep in expanded:
        found = shutil.which(os.path.join(cwd, expanded))
    else:
        path = environ.get("PATH", os.defpath)
        python = active(environ, cwd)
        if python is None and not _is_environment(shutil.which("python", path=path)) and has_own_accelerate():
            python = _OWN
        found = shutil.which(name, path=os.pathsep.join([*([os.path.dirname(python.path)] if python else []), path]))
    return os.path.abspath(found) if found else None


def _is_environment(python: str | None) -> bool:
    """Return whether an interpreter belongs to a virtual or conda environment."""
    home = Path(os.path.abspath(python or "/")).parent.parent
    return any(os.path.exists(home / mark) for mark in ("pyvenv.cfg", "conda-meta"))


def has_own_accelerate() -> bool:
    """Return whether Accelerate is installed in tsdia-run's own environment."""
    return importlib.util.find_spec("accelerate") is not None


def _in_folder(folder: str | None, what: str) -> Interpreter | None:
    path = os.path.join(folder, "bin", "python") if folder else ""
    return Interpreter(_as_ours(path), what) if path and os.access(path, os.X_OK) else None


def _of_project(environ: Mapping[str, str], cwd: Path, script: str | None) -> Interpreter | None:
    """Return the interpreter of the nearest ``.venv``, from the working directory or the script up to the project."""
    beside = [Path(os.path.abspath(cwd / os.path.expanduser(script))).parent] if script else []
    for start in dict.fromkeys((cwd, *beside)):
        for folder in _up_to_project(start):
            found = _in_folder(str(folder / _VENV), f"the project's {_VENV}")
            if found:
                trust = Trust.here(cwd, environ.get(env.TRUSTED_DIRS, "").split(":"))
                # The owner of these directories chooses the programs in them.
                doubt = trust.doubt(folder / _VENV) or trust.doubt(folder / _VENV / "bin")
                if doubt:
                    raise UntrustedEnvironment(folder / _VENV, doubt)
                return found
    return None


def _up_to_project(start: Path) -> tuple[Path, ...]:
    """Return a folder and those above it up to the repository, else up to the project; else only the folder."""
    folders = (start, *start.parents)
    for markers in _PROJECT_MARKERS:
        for number, folder in enumerate(folders, start=1):
            if any(os.path.exists(folder / marker) for marker in markers):
                return folders[:number]
    return (start,)


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
