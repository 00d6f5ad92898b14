"""Choose the launcher of the ranks and its Accelerate settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tsdia_run import config
from tsdia_run.errors.launching import LauncherIsPython, NoAccelerate, NoAccelerateConfig
from tsdia_run.launch import accelerate, hardware, interpreter
from tsdia_run.launch.accelerate import ConfigFile, Delegated, InProcess
from tsdia_run.launch.interpreter import Interpreter
from tsdia_run.rundir.installing import install_command
from tsdia_run.settings import Launcher, Settings


@dataclass(frozen=True)
class Ranks:
    """How the ranks are started.

    Attributes:
        decision: How Accelerate starts the ranks; None for plain Python.
        config_file: The Accelerate config file in use, if any.
    """

    decision: InProcess | Delegated | None
    config_file: Path | None


def decide(settings: Settings, python: Interpreter, environ: Mapping[str, str], cwd: Path) -> Ranks:
    """Decide how to start the ranks, from the machine, the interpreter and the Accelerate config.

    Args:
        settings: All settings.
        python: The interpreter of the training.
        environ: The user's environment.
        cwd: The base of relative paths.

    Raises:
        TsdiaRunError: This machine can't start the requested ranks.
    """
    if settings.launcher is Launcher.PYTHON:
        _refuse_accelerate_settings(settings)
        return Ranks(None, None)
    version = interpreter.accelerate_version(python, environ, cwd)
    if version is None:
        raise NoAccelerate(python.path, python.origin, install_command(python.path, "accelerate"))
    environ = {**environ, **settings.env}
    file = _config_file(settings, environ, cwd)
    decision = accelerate.decide(
        settings.accelerate,
        file,
        environ,
        devices=hardware.accelerator_devices(environ),
        physical_cores=hardware.physical_cores(),
        version=version,
    )
    return Ranks(decision, file.path if file else None)


def _refuse_accelerate_settings(settings: Settings) -> None:
    given = settings.accelerate
    if (given.num_processes or 1) > 1 or given.config_file or given.mixed_precision or given.flags:
        raise LauncherIsPython


def _config_file(settings: Settings, environ: Mapping[str, str], cwd: Path) -> ConfigFile | None:
    path = accelerate.config_path(settings.accelerate, environ, Path.home())
    if path is None:
        return None
    path = cwd / path.expanduser()
    if not path.is_file():
        if settings.accelerate.config_file is None:
            return None
        raise NoAccelerateConfig(settings.accelerate.config_file)
    values = config.read(path).plain()
    return ConfigFile(path, values)
