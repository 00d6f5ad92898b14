"""Options and output shared by the commands that show runs."""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tsdia_run.rundir.env import OPTION_PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.text import Text

    from tsdia_run.report.formatting import PageSection


RunName = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        show_default=False,
        help="A run, by path, name, start of its name, id or W&B id. Default: the run in the working directory, else"
        " latest, the most recently started run of this project.",
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        envvar=f"{OPTION_PREFIX}SINCE",
        metavar="TIME",
        help="Only show what is newer than this: 10m, 2h, 7d or a date. Example: --since 2h",
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", envvar=f"{OPTION_PREFIX}JSON", help="Print JSON. Example: --json"),
]


def prepare_output() -> None:
    """Make standard output accept any file name, and let SIGPIPE end the process as usual."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def run_named(word: str | None) -> Path:
    """Return the run that the user named; say so if it is a run of another project."""
    return runs_named([word])[0]


def runs_named(words: Sequence[str | None]) -> list[Path]:
    """Return the runs that the user named; say so if one is a run of another project."""
    from tsdia_run.cli.console import say
    from tsdia_run.report.names import find_run
    from tsdia_run.report.places import places
    from tsdia_run.text import shown

    where = places()
    found = [find_run(word, where) for word in words]
    for word, path in zip(words, found, strict=True):
        is_path = word is None or os.sep in word or os.path.abspath(word).startswith(str(path))
        if not is_path and not where.has(path):
            say(f"this project has no run {word!r}; showing the run of another project: {shown(path)}")
    return found


def show(sections: Sequence[PageSection]) -> None:
    """Print a page. The terminal wraps long lines, so that commands can be copied."""
    is_coloured = has_colours()
    for at, section in enumerate(sections):
        colour = style_of(_state(section)) or None if at == 0 else None
        title = typer.style(section.title, bold=True, fg=colour) if is_coloured else section.title
        lines = (title, *(f"  {line}" for line in section.lines))
        sys.stdout.write("\n" * bool(at) + "".join(f"{line}\n" for line in lines))


def as_rich(sections: Sequence[PageSection]) -> Text:
    """Return a page for repeated display; lines that are too long are cut off."""
    from rich.text import Text

    page = Text(no_wrap=True, overflow="ellipsis")
    for at, section in enumerate(sections):
        colour = style_of(_state(section)) if at == 0 else ""
        page.append(("\n" if at else "") + section.title + "\n", style=f"bold {colour}".strip())
        for line in section.lines:
            page.append(f"  {line}\n")
    page.right_crop(1)
    return page


def _state(section: PageSection) -> str:
    return section.title.rpartition(": ")[2]


def style_of(state: str) -> str:
    """Return the colour of a state."""
    return {"completed": "green", "failed": "red", "lost": "red", "damaged": "red", "stopped": "yellow"}.get(
        state, "cyan" if state in ("running", "preparing") else ""
    )


def in_colour(text: str, state: str) -> str:
    """Return a text in the colour of a state, for a terminal."""
    return typer.style(text, fg=style_of(state) or None)


def has_colours() -> bool:
    """Whether standard output is a terminal that should show colours (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
