"""Turn what the user typed in place of a config into settings: a script, or a command such as `accelerate launch`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tsdia_run.errors.launching import NoInterpreter, TwoEntrypoints
from tsdia_run.errors.typed import GivenTwice, NoLauncher, NoScriptTyped, ProgramNamed
from tsdia_run.launch import interpreter, launcher_commands, named_script
from tsdia_run.launch.launcher_commands import Kind, LauncherCommand
from tsdia_run.launch.named_script import is_script as is_script  # noqa: PLC0414 - cli/ takes it from here
from tsdia_run.settings import flags_layer, plain
from tsdia_run.settings.launchers import is_launcher
from tsdia_run.workflow.request import NewRequest, StartRequest

_ENTRYPOINTS = ("entrypoint", "module")


def resolved(request: NewRequest) -> NewRequest:
    """Return the request with a typed script or command as settings, arguments and default name.

    Raises:
        TsdiaRunError: The script can't be started, or its launcher is not installed.
    """
    start, word = request.start, request.config_file
    options = start.settings.values
    if word is not None:
        if not is_script(word, start.cwd):
            _refuse_program(word, start)
            return request
        script = named_script.named(word, start.cwd)
        values = {"entrypoint": script.entrypoint, **(_one_process(start) if script.is_program else {})}
        return replace(_with(request, values), config_file=None, default_name=script.name)
    if any(key in options for key in _ENTRYPOINTS):
        module, entrypoint = options.get("module"), options.get("entrypoint", "")
        name = launcher_commands.name_of_module(module) if module else Path(entrypoint).stem
        return replace(request, default_name=name)
    if start.extra_args and is_launcher(start.extra_args[0]):
        return _commanded(request, launcher_commands.parse(start.extra_args))
    return request


def _refuse_program(word: str, start: StartRequest) -> None:
    """Refuse the name of a program on the PATH, such as ``bash``: its arguments would be lost."""
    if not os.path.lexists(start.cwd / os.path.expanduser(word)) and os.sep not in word:
        path = shutil.which(word, path=start.environ.get("PATH"))
        if path is not None:
            raise ProgramNamed(word, path)


def _commanded(request: NewRequest, typed: LauncherCommand) -> NewRequest:
    """Return the request with a command as settings."""
    start = request.start
    if typed.target is None:
        raise NoScriptTyped(f"{typed.launcher} launch" if typed.is_accelerate else typed.launcher)
    if typed.kind is Kind.SCRIPT and not typed.is_accelerate and _needs_python(typed, start.cwd):
        # Python runs the executable, and not the program that its first line names.
        typed = replace(typed, kind=Kind.PROGRAM, args=start.extra_args[1:], target=typed.launcher)
    values = {**_target(typed, start), **_interpreter(typed, start), **_launcher(typed, start)}
    more = {"accelerate.flags": typed.flags, "env": typed.variables}
    found = _with(request, values, {key: value for key, value in more.items() if value})
    return replace(found, start=replace(found.start, extra_args=typed.args), default_name=typed.name)


def _needs_python(typed: LauncherCommand, cwd: Path) -> bool:
    path = cwd / os.path.expanduser(str(typed.target))
    return path.is_file() and (named_script.is_executable(path) or path.suffix in (".pyz", ".zip"))


def _target(typed: LauncherCommand, start: StartRequest) -> dict[str, object]:
    target = str(typed.target)
    if typed.kind is Kind.MODULE:
        return {"module": target}
    if typed.kind is Kind.PROGRAM:
        program = interpreter.find_program(target, start.environ, start.cwd)
        if program is None:
            raise NoLauncher(target)
        return {"entrypoint": program}
    if os.path.isdir(start.cwd / os.path.expanduser(target)):
        return {"entrypoint": named_script.named(target, start.cwd).entrypoint}
    return {"entrypoint": target}


def _interpreter(typed: LauncherCommand, start: StartRequest) -> dict[str, object]:
    """Return the interpreter of the launcher, if it is not the one that is chosen without any setting."""
    if "python" in start.settings.values:
        return {}
    found = interpreter.find_program(typed.launcher, start.environ, start.cwd)
    if launcher_commands.is_python(typed.launcher):
        if found is None:
            raise NoInterpreter(typed.launcher)
    else:
        if found is None and os.sep in typed.launcher:
            raise NoLauncher(typed.launcher)
        beside = os.path.join(os.path.dirname(found or ""), "python")
        found = next((path for path in (beside, f"{beside}3") if found and os.access(path, os.X_OK)), None)
    chosen = interpreter.choose(None, start.environ, start.cwd).path
    is_chosen = found and os.path.dirname(found) == os.path.dirname(chosen) and os.path.samefile(found, chosen)
    return {"python": found} if found and not is_chosen else {}


def _launcher(typed: LauncherCommand, start: StartRequest) -> dict[str, object]:
    if not typed.is_accelerate:
        return _one_process(start)
    count = typed.values.get("accelerate.num_processes", "")
    number = {"accelerate.num_processes": int(count)} if count.isdecimal() else {}
    return {"launcher": "accelerate", **typed.values, **number}


def _one_process(start: StartRequest) -> dict[str, object]:
    """Return the launcher of one process, unless an option of tsdia-run asks for another one."""
    asks_for_ranks = any(key == "launcher" or key.startswith("accelerate.") for key in start.settings.values)
    return {} if asks_for_ranks else {"launcher": "python"}


def _with(request: NewRequest, values: Mapping[str, object], more: Mapping[str, object] | None = None) -> NewRequest:
    """Return the request with settings from the typed command; an option with another value is an error."""
    given = request.start.settings
    typed = {**flags_layer(values).values, **(more or {})}
    if {"entrypoint", "module"} <= {*typed, *given.values}:
        raise TwoEntrypoints
    for key, value in typed.items():
        if key in given.values and given.values[key] != value:
            raise GivenTwice(key, plain(given.values[key]), plain(value))
    layer = replace(given, values={**given.values, **typed})
    return replace(request, start=replace(request.start, settings=layer))
