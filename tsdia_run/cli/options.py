"""The options that commands share, each written once; those of settings follow from their declarations."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer
from typer.models import OptionInfo

from tsdia_run.rundir.env import OPTION_PREFIX
from tsdia_run.settings import SETTINGS, Flag, Setting, flags_layer, shown_default

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        envvar=f"{OPTION_PREFIX}SET",
        metavar="KEY=VALUE",
        help="Set a value in the script's config; +KEY=VALUE adds a key; repeatable. Example: --set training.epochs=20",
    ),
]
RunDir = Annotated[
    str | None,
    typer.Option(
        "--run-dir",
        envvar=f"{OPTION_PREFIX}RUN_DIR",
        metavar="PATH",
        help="Use this run directory. Default: the config's save_dir, else runs/STEM. Example: --run-dir /data/exp1",
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        envvar=f"{OPTION_PREFIX}NAME",
        metavar="NAME",
        help="Replace the last part of the run directory. Example: --name exp-2",
    ),
]
MoveAside = Annotated[
    bool,
    typer.Option(
        "--move-aside",
        envvar=f"{OPTION_PREFIX}MOVE_ASIDE",
        help="Move existing contents of the run directory to .tsdia-trash. Example: new config.yml --move-aside",
    ),
]
Detach = Annotated[
    bool,
    typer.Option(
        "--detach",
        envvar=f"{OPTION_PREFIX}DETACH",
        help="Run in the background once started. Example: new config.yml --detach",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        envvar=f"{OPTION_PREFIX}DRY_RUN",
        help="Show what would start; write nothing. Example: new config.yml --dry-run",
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        envvar=f"{OPTION_PREFIX}JSON",
        help="Print the --dry-run as JSON. Example: new config.yml --dry-run --json",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "-q",
        "--quiet",
        envvar=f"{OPTION_PREFIX}QUIET",
        help="Only print errors (script output is kept). Example: new config.yml -q",
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "-v",
        "--verbose",
        envvar=f"{OPTION_PREFIX}VERBOSE",
        help="Also print decisions and their reasons. Example: new config.yml -v",
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        envvar=f"{OPTION_PREFIX}DEBUG",
        help="Show tsdia-run's own tracebacks. Example: new config.yml --debug",
    ),
]


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each setting that has a flag.

    Args:
        command: Has a parameter ``context``, and ``flags``, which gets what was given as a ``Layer``.
    """
    # Not get_type_hints: with a default of None, that of Python 3.10 hides what Annotated carries.
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.name != "flags"
    ]
    # The command's own options, those of one run, are the last in its help.
    parameters = sorted([*own, *_parameters()], key=lambda one: one in own and _is_option(one))

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:  # noqa: ANN401 - what Typer gives
        values = {setting.key: _value(flag, given.pop(_name(flag))) for setting, flag in _flags()}
        command(flags=flags_layer(values, _variables(given["context"])), **given)

    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapped


def _variables(context: typer.Context) -> dict[str, str]:
    """Return the environment variables that gave a setting, by its key."""
    sources = ((setting, flag, context.get_parameter_source(_name(flag))) for setting, flag in _flags())
    return {one.key: _variable(flag) for one, flag, source in sources if source and source.name == "ENVIRONMENT"}


def _variable(flag: Flag) -> str:
    return f"{OPTION_PREFIX}{_name(flag).upper()}"


def _is_option(parameter: inspect.Parameter) -> bool:
    return any(isinstance(one, OptionInfo) for one in getattr(parameter.annotation, "__metadata__", ()))


def _flags() -> Iterator[tuple[Setting, Flag]]:
    return ((setting, setting.flag) for setting in SETTINGS if setting.flag)


def _name(flag: Flag) -> str:
    return flag.name.removeprefix("--").replace("-", "_")


def _value(flag: Flag, given: object) -> object:
    return given if flag.metavar else flag.gives if given else None


def _parameters() -> Iterator[inspect.Parameter]:
    for setting, flag in _flags():
        kind: Any = bool
        if flag.metavar:
            kind = int | None if flag.metavar == "N" else str | None
        option = typer.Option(
            flag.name, envvar=_variable(flag), metavar=flag.metavar or None, help=_help(setting, flag)
        )
        yield inspect.Parameter(
            _name(flag),
            inspect.Parameter.KEYWORD_ONLY,
            default=None if flag.metavar else False,
            annotation=Annotated[kind, option],
        )


def _help(setting: Setting, flag: Flag) -> str:
    default = f" Default: {setting.words or shown_default(setting)}." if flag.metavar else ""
    example = f" Example: {flag.name} {flag.example}" if flag.metavar else f" Example: new config.yml {flag.name}"
    return f"{flag.help or setting.help}{default if setting.words or setting.default is not None else ''}{example}"
