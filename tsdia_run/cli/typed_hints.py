"""Write the hints of errors about the typed script and its interpreter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from tsdia_run.errors import launching, typed
from tsdia_run.report.suggestions import TypedCommand, line, trust_folder
from tsdia_run.text import argument, shell, shown

_EXAMPLE = ("python", "train.py")


def _notebook(error: typed.NotebookNamed, command: TypedCommand) -> str:
    script = str(PurePath(error.notebook).with_suffix(".py"))
    words = tuple(script if word == error.notebook else word for word in command.words)
    args = tuple(script if word == error.notebook else word for word in command.args)
    return (
        f"Convert it first: {shell(['jupyter', 'nbconvert', '--to', 'script', argument(error.notebook)])}\n"
        f"Then start it: {line(replace(command, words=words, args=args))}"
    )


def _not_executable(error: typed.NotExecutable, command: TypedCommand) -> str:
    return f"Make it executable: {shell(['chmod', '+x', argument(error.script)])}"


def _not_startable(error: typed.NotStartable, command: TypedCommand) -> str:
    return f"Add a first line to {error.script}, for example `#!/bin/bash`."


def _no_script(error: typed.NoScriptTyped, command: TypedCommand) -> str:
    args = (*error.launcher.split(), *_EXAMPLE[-1:])
    return f"For example: {line(replace(command, words=(), args=args))}"


def _given_twice(error: typed.GivenTwice, command: TypedCommand) -> str:
    return "Keep only one of them."


def _program(error: typed.ProgramNamed, command: TypedCommand) -> str:
    return f"To run the program, use its path: {line(replace(command, words=(error.path,)))}"


def _no_launcher(error: typed.NoLauncher, command: TypedCommand) -> str:
    return f"Activate the environment that has it, or use its path: path/to/venv/bin/{PurePath(error.launcher).name}"


def _untrusted(error: typed.UntrustedEnvironment, command: TypedCommand) -> str:
    return (
        "To use another interpreter, add: --python /path/to/python\n"
        f"If you trust everything in {shown(error.folder)}: {trust_folder(error.folder)}"
    )


def _no_accelerate(error: launching.NoAccelerate, command: TypedCommand) -> str:
    return (
        f"Install it: {shell(error.install)}\n"
        "Or use another interpreter (--python /path/to/python), or plain Python (--launcher python)."
    )


TYPED_HINTS: tuple[Callable[[Any, TypedCommand], str], ...] = (
    _notebook,
    _not_executable,
    _not_startable,
    _no_script,
    _given_twice,
    _program,
    _no_launcher,
    _untrusted,
    _no_accelerate,
)
