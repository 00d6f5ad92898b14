"""Write tsdia-run's own messages to standard error; standard output belongs to the script."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NoReturn

from tsdia_run.text import shell, shown, visible, visible_lines

if TYPE_CHECKING:
    from tsdia_run.errors.launching import SectionReplaced
    from tsdia_run.workflow.reporter import AttemptEnd, AttemptStart

_PR_SET_DUMPABLE = 4
_MARKS = {"completed": ("✓", "green"), "failed": ("✗", "red"), "stopped": ("■", "yellow")}


def say(text: str, *, prefix: str = "tsdia-run: ") -> None:
    """Write a line to standard error, without control characters; a closed terminal is not an error."""
    with suppress(OSError, ValueError):
        # In one write: the script's output must not come between the text and its end, also with PYTHONUNBUFFERED.
        sys.stderr.write(f"{prefix}{visible_lines(text)}\n")
        sys.stderr.flush()


def die_of(number: int) -> NoReturn:
    """End this process with a signal's default action, so that a shell loop around it stops too; without a core file.

    The first process of a container can't end in this way: it exits with 128+n, the code that a shell reports.
    """
    if number == signal.SIGQUIT:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # unlike a limit, this also holds if a program takes it
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    sys.exit(128 + number)


@dataclass(frozen=True)
class Console:
    """Reports to the user, on a terminal or in a file, what happens before and after a training.

    Attributes:
        is_quiet: Print only errors.
        is_verbose: Also print the command and its environment.
    """

    is_quiet: bool
    is_verbose: bool = False
    ends_process: ClassVar[bool] = True

    def opening(self, start: AttemptStart) -> None:
        """Print the run, its interpreter and its log before the training starts."""
        if self.is_quiet:
            return
        attempt = start.attempt
        begin = attempt.checkpoint or "the beginning"
        kind = "new run" if attempt.number == 0 else f"attempt {attempt.number}, from {begin}"
        say(f"{shown(start.run_dir)}: {kind}")
        path, origin = start.python
        say(f"python {path} ({origin}); {start.launcher}")
        say(f"log {shown(start.run_dir / attempt.log)}")
        if self.is_verbose:
            say(f"command {shell(start.argv)}")
            for name, value in sorted(start.environment.items()):
                say(f"environment {name}={value}")

    def warn(self, *warnings: str | SectionReplaced) -> None:
        """Print warnings."""
        if warnings and not self.is_quiet:
            from tsdia_run.cli.wording import in_words

            for warning in warnings:
                say(f"warning: {in_words(warning)}")

    def note(self, text: str) -> None:
        """Print a note about something that tsdia-run did."""
        if not self.is_quiet:
            say(text)

    def closing(self, end: AttemptEnd) -> None:
        """Print the closing card."""
        self.warn(*end.warnings)
        if self.is_quiet:
            return
        from tsdia_run.report.card import card

        lines = card(end.run_dir, end.run, end.error, end.wandb_dir, end.unrecorded)
        state = end.run.state.value
        mark, colour = _MARKS.get("" if end.unrecorded else state, ("?", "yellow"))
        title = visible(f"{mark} {end.run.name}: {state}{', but not recorded' if end.unrecorded else ''}")
        if sys.stderr.isatty():
            _show_card(title, colour, lines)
        else:
            say(title)
            for name, text in lines:
                say(f"  {name:<12}{text}", prefix="")

    def keep_own_stream(self) -> None:
        """Write to a descriptor that no child process inherits."""
        sys.stderr = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors="backslashreplace")

    def release(self) -> None:
        """Close the terminal."""
        sys.stderr.close()
        sys.stderr = sys.__stderr__


def _show_card(title: str, colour: str, lines: list[tuple[str, str]]) -> None:
    # Imported late, so that the training starts sooner.
    from rich.console import Console as RichConsole
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, text in lines:
        table.add_row(name, Text(text))
    with suppress(OSError, ValueError):
        RichConsole(stderr=True).print(
            Panel(table, title=Text(title), title_align="left", border_style=colour, expand=False)
        )
