"""What is said around a training: the opening lines, warnings, the closing card."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass

from tsdia_run import checkpoints
from tsdia_run.cli.say import say
from tsdia_run.launch.plan import Plan
from tsdia_run.outcome.classify import hint_for
from tsdia_run.report.wandb import wandb_line
from tsdia_run.rundir.record import Attempt, State
from tsdia_run.rundir.suggestions import Suggestions
from tsdia_run.supervise.job import Ended
from tsdia_run.text import duration, shell, shown, visible

_MAX_BYTES = 64 * 1024
_MARKS = {State.COMPLETED: ("✓", "green"), State.FAILED: ("✗", "red"), State.STOPPED: ("■", "yellow")}


@dataclass(frozen=True)
class Screen:
    """How much is said.

    Attributes:
        is_quiet: Nothing but errors.
        is_verbose: Also what was decided.
    """

    is_quiet: bool
    is_verbose: bool

    def opening(self, plan: Plan, attempt: Attempt) -> None:
        """Before the training starts: what, where, under which interpreter."""
        if self.is_quiet:
            return
        start = attempt.checkpoint or "the beginning"
        kind = "new run" if attempt.number == 0 else f"attempt {attempt.number}, from {start}"
        say(f"{shown(plan.request.run_dir)}: {kind}")
        say(f"python {plan.interpreter.path} ({plan.interpreter.origin}); {plan.command.how}")
        say(f"log {shown(plan.request.run_dir / attempt.log)}")
        if self.is_verbose:
            say(f"command {shell(plan.command.argv)}")
            for name, value in sorted(plan.command.environment.items()):
                say(f"environment {name}={value}")

    def warn(self, *texts: str) -> None:
        """What the user should know."""
        if not self.is_quiet:
            for text in texts:
                say(f"warning: {text}")

    def note(self, text: str) -> None:
        """What was done."""
        if not self.is_quiet:
            say(text)

    def closing(self, plan: Plan, ended: Ended) -> None:
        """The closing card."""
        self.warn(*ended.warnings)
        if self.is_quiet:
            return
        lines = card(plan, ended)
        mark, colour = _MARKS.get(ended.run.state, ("?", "yellow"))
        title = visible(f"{mark} {ended.run.name}: {ended.run.state.value}")
        if sys.stderr.isatty():
            _show_card(title, colour, lines)
        else:
            say(title)
            for name, text in lines:
                say(f"  {name:<12}{text}", prefix="")


def card(plan: Plan, ended: Ended) -> list[tuple[str, str]]:
    """The lines of the closing card: name and text."""
    last, run_dir = ended.run.last, plan.request.run_dir
    lines = [("why", last.outcome.reason if last.outcome else "not known")]
    if last.ended_at:
        lines.append(("duration", duration((last.ended_at - last.started_at).total_seconds())))
    found = checkpoints.find(run_dir)
    whole = checkpoints.newest_whole(found).chosen
    newest = f", newest {os.path.relpath(whole.path, run_dir)}" if whole else ", none of them whole" if found else ""
    lines.append(("checkpoints", f"{len(found) or 'none'}{newest}"))
    lines.append(("log", shown(run_dir / last.log)))
    users = {**plan.request.environ, **plan.request.settings.env}.get("WANDB_DIR")
    wandb = wandb_line(run_dir, ended.run.wandb_id or ended.run.run_id, users)
    if wandb:
        lines.append(("wandb", wandb))
    hint = hint_for(ended.words.error or "")
    if hint:
        lines.append(("hint", hint))
    lines.append(("next", _next(plan, ended, whole is not None)))
    return [(name, visible(text)) for name, text in lines]


def _next(plan: Plan, ended: Ended, has_checkpoints: bool) -> str:
    suggest = Suggestions(plan.layout)
    if ended.run.state is State.COMPLETED:
        return suggest.start_another() or suggest.info()
    if not has_checkpoints:
        return f"{suggest.start_over()}   (there is no checkpoint to resume from)"
    command, advice = suggest.resume_from_checkpoint()
    return f"{command}   ({advice})" if advice else command


def _show_card(title: str, colour: str, lines: list[tuple[str, str]]) -> None:
    # Imported late: the training should not wait for it.
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, text in lines:
        table.add_row(name, Text(text))
    with suppress(OSError, ValueError):
        Console(stderr=True).print(
            Panel(table, title=Text(title), title_align="left", border_style=colour, expand=False)
        )
