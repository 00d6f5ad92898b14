"""`tsdia-run config show`: every setting, its value and where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tsdia_run.cli import options, reading
from tsdia_run.rundir.env import OPTION_PREFIX
from tsdia_run.settings import Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsdia_run.workflow.effective import EffectiveSetting

_SHOW = "show"
_SCHEMA = 1

Action = Annotated[str | None, typer.Argument(metavar="show", show_default=False, help="What to do: show.")]
ConfigFile = Annotated[
    str | None,
    typer.Argument(metavar="CONFIG|SCRIPT", show_default=False, help="Include the settings of this config or script."),
]
WithOrigin = Annotated[
    bool,
    typer.Option(
        "--origin",
        envvar=f"{OPTION_PREFIX}ORIGIN",
        help="Also show where each value comes from. Example: config show --origin",
    ),
]


@options.with_settings
def config(
    context: typer.Context,
    flags: Layer,
    action: Action = None,
    config_file: ConfigFile = None,
    origin: WithOrigin = False,
    as_json: reading.AsJson = False,
    debug: options.Debug = False,
) -> None:
    """Show every setting that `new` would use here, from flags, variables, the config and the settings files.

    \b
    tsdia-run config show
    tsdia-run config show --origin
    tsdia-run config show config.yml --origin --max-restarts 3
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    import json
    import sys

    from tsdia_run.cli import starting
    from tsdia_run.text import visible
    from tsdia_run.workflow.effective import effective_settings

    if action != _SHOW:
        raise _unknown(action)
    reading.prepare_output()
    found = effective_settings(starting.start_request(context, flags, None, detach=False), config_file)
    if as_json:
        rows = [
            {"key": one.key, "value": one.value, "source": one.origin.level.value, "place": one.origin.place or None}
            for one in found
        ]
        sys.stdout.write(json.dumps({"schema": _SCHEMA, "settings": rows}, indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{visible(line)}\n" for line in _lines(found, with_origin=origin)))


def _unknown(action: str | None) -> Exception:
    import os

    from tsdia_run.errors import UsageError
    from tsdia_run.report.suggestions import show_settings
    from tsdia_run.text import argument

    words = [argument(action)] if action is not None and os.path.isfile(action) else []
    problem = "no action is given" if action is None else f"unknown action {action!r}"
    return UsageError(f"config: {problem}", hint=f"Show every setting: {show_settings(*words)}")


def _lines(found: Sequence[EffectiveSetting], *, with_origin: bool) -> list[str]:
    keys, values = max(len(one.key) for one in found), min(40, max(len(one.text) for one in found))
    if not with_origin:
        return [f"{one.key:{keys}}  {one.text}" for one in found]
    return [f"{one.key:{keys}}  {one.text:{values}}  {_place(one)}" for one in found]


def _place(one: EffectiveSetting) -> str:
    level, place = one.origin.level.value, one.origin.place
    return f"{level}: {place}" if place else level
