"""Read the typed command, for suggestions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import typer

from tsdia_run.report.suggestions import TypedCommand

_GIVEN = ("COMMANDLINE", "ENVIRONMENT")


def read(context: typer.Context) -> TypedCommand:
    """Return the command with the values from the command line and from the environment."""
    words: list[str] = []
    options: list[tuple[str, str | None]] = []
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if source is None or source.name not in _GIVEN:
            continue
        value = context.params.get(str(parameter.name))
        if parameter.param_type_name == "argument":
            words += _texts(value)
        else:
            options += _options(parameter, value)
    return TypedCommand(str(context.info_name), tuple(words), tuple(options), tuple(context.obj or ()), os.getcwd())


def _options(parameter: Any, value: object) -> Iterator[tuple[str, str | None]]:  # noqa: ANN401 - Typer's own class
    flag = max(parameter.opts, key=len)
    if isinstance(value, bool):
        if value:
            yield flag, None
        return
    for text in _texts(value):
        yield flag, text


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else [str(value)]
