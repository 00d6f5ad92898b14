"""The options and habits that the commands which look at runs share."""

from __future__ import annotations

import io
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from tsdia_run.report.text import Section

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


def prepare_output() -> None:
    """Standard output that takes any file name; and die as other programs do when nobody reads on (`| head`)."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def show(sections: Sequence[Section]) -> None:
    """A page on standard output: in colours where a terminal shows them, else plain."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(as_rich(sections))
        return
    for at, section in enumerate(sections):
        lines = (section.title, *(f"  {line}" for line in section.lines))
        sys.stdout.write("\n" * bool(at) + "".join(f"{line}\n" for line in lines))


def as_rich(sections: Sequence[Section]) -> Text:
    """A page with bold headings; lines that are too long go on below."""
    from rich.text import Text

    page = Text()
    for at, section in enumerate(sections):
        state = section.title.rpartition(": ")[2] if at == 0 else ""
        page.append(("\n" if at else "") + section.title + "\n", style=f"bold {style_of(state)}".strip())
        for line in section.lines:
            page.append(f"  {line}\n")
    page.right_crop(1)
    return page


def style_of(state: str) -> str:
    """The colour of a state, which its word says as well."""
    return {"completed": "green", "failed": "red", "lost": "red", "stopped": "yellow", "running": "cyan"}.get(state, "")
