"""Write the hint lines of errors about `--set`."""

from __future__ import annotations

from dataclasses import replace

from tsdia_run.errors import launching
from tsdia_run.report.suggestions import TypedCommand, line
from tsdia_run.settings.from_files import FILE_NAME

SET = "--set"


def of_unknown_key(error: launching.KeyNotInConfig, typed: TypedCommand) -> str:
    """Return how to set the key that was probably meant, and how to add the given key."""
    value = error.assignment.partition("=")[2]
    lines = []
    if error.near is not None:
        meant = _replacing(typed, error.assignment, f"{error.near}={value}")
        lines.append(f"Did you mean `{error.near}`? {line(meant)}")
    if error.can_add:
        added = _replacing(typed, error.assignment, f"+{error.key}={value}")
        lines.append(f"To add the key: {line(added)}")
    return "\n".join(lines) or "Write a key as the names in mappings and the numbers of list items, from 0."


def of_setting(error: launching.SettingAssigned, typed: TypedCommand) -> str:
    """Return the option of a setting, or where to write it."""
    rest = _without(typed, error.assignment)
    if error.flag is not None:
        flag, takes_value = error.flag
        return f"Use {flag}: {line(rest.having(flag, error.value if takes_value else None))}"
    name = error.setting or error.near
    setting = f"`{name}: {error.value}`" if name else "it"
    meant = f"Did you mean `{error.near}`? " if error.near else ""
    # A resume reads a copy of the config, without the section.
    section = "" if typed.command == "resume" else f"the `tsdia_run` section of {error.source}, or in "
    return f"{meant}Write {setting} in {section}{FILE_NAME}."


def without_config(error: launching.NoConfigToSet, typed: TypedCommand) -> str:
    """Return the command that passes the values as options of the script."""
    options = [word for one in error.assignments for word in _option(one)]
    instead = replace(typed.without(SET), args=(*typed.args, *options))
    return f"Options of the script go after `--`: {line(instead)}"


def _option(assignment: str) -> tuple[str, ...]:
    key, equals, value = assignment.partition("=")
    return (f"--{key.strip().lstrip('+')}", value.strip()) if equals else (assignment,)


def _replacing(typed: TypedCommand, assignment: str, instead: str) -> TypedCommand:
    options = tuple((flag, instead if (flag, value) == (SET, assignment) else value) for flag, value in typed.options)
    return replace(typed, options=options)


def _without(typed: TypedCommand, assignment: str) -> TypedCommand:
    return replace(typed, options=tuple(option for option in typed.options if option != (SET, assignment)))
