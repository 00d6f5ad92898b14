"""The options and habits that the commands which look at runs share."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

_ENV = "TSDIA_RUN_OPT_"

RunName = Annotated[
    str,
    typer.Argument(
        metavar="[RUN]",
        show_default=False,
        help="Its path, its name or the beginning of it, its id or W&B id. Default: latest, the run started last.",
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        envvar=f"{_ENV}SINCE",
        metavar="TIME",
        help="Only what is newer: 10m, 2h, 7d, or a date. Example: --since 2h",
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", envvar=f"{_ENV}JSON", help="For programs: JSON on standard output. Example: --json"),
]


def end_quietly_with_the_reader() -> None:
    """Die as other programs do when nobody reads on (`| head`)."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def style_of(state: str) -> str:
    """The colour of a state, which its word says as well."""
    return {"completed": "green", "failed": "red", "lost": "red", "stopped": "yellow", "running": "cyan"}.get(state, "")
